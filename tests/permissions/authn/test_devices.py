"""What devices are called."""

import pytest

from permissions.authn.devices import name_of, proof_of
from permissions.authn.principal import Client

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox on Linux"),
        (CHROME, "Chrome on Windows"),
        (f"{CHROME} Edg/142.0.0.0", "Edge on Windows"),
        (f"{CHROME} OPR/120.0.0.0", "Opera on Windows"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 "
            "Safari/605.1.15",
            "Safari on macOS",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "CriOS/142.0 Mobile/15E148 Safari/604.1",
            "Chrome on iPhone",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15; SM-S931B) AppleWebKit/537.36 (KHTML, like Gecko) "
            "SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
            "Samsung Internet on Android",
        ),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) Chrome/142.0.0.0 Safari/537.36", "Chrome on ChromeOS"),
        ("curl/8.11.0", "curl"),
        ("okhttp/5.1.0", "okhttp"),
        ("Parley/3.2 (iPhone; iOS 18.6)", "Parley on iPhone"),
        ("python-httpx/0.28.1", "python-httpx"),
        ("Mozilla/5.0", "Mozilla/5.0"),
        ("something of its own", "something of its own"),
        ("", None),
        (None, None),
    ],
)
def test_a_browser_is_called_as_people_call_it(agent: str | None, name: str | None) -> None:
    assert name_of(None, Client("192.0.2.7", agent)) == name


def test_a_given_name_wins_unless_nothing_of_it_can_be_shown() -> None:
    assert name_of("Alice's phone", Client(None, CHROME)) == "Alice's phone"
    assert name_of("\x1b[2J\u202e\ud800", Client(None, CHROME)) == "[2J?"
    assert name_of(" \n", Client(None, CHROME)) == "Chrome on Windows"


@pytest.mark.parametrize("hostile", ["A" * 1_000_000, "(" * 100_000, "Mozilla/" * 50_000, "\x00" * 300, "a/1" * 99_999])
def test_long_and_hostile_words_are_cut(hostile: str) -> None:
    assert len(name_of(None, Client(None, hostile)) or "") <= 200


def test_a_proof_tells_networks_and_programs_apart_and_is_none_without_an_address() -> None:
    proofs = [proof_of(Client(ip, agent)) for ip in ("192.0.2.7", "192.0.2.8") for agent in ("a", "b", None)]
    assert len(set(proofs)) == 6
    assert proof_of(Client(None, "a")) == ""
