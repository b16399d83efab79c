"""Whom a request came from, and what nobody may make us believe."""

import random
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.proxies import MOST_CHARACTERS, MOST_HOPS, ProxyHeader, TrustedProxies, hops

TRUSTED = TrustedProxies.parse("10.0.0.0/8, 192.0.2.1 2001:db8:ffff::/48")
XFF, FORWARDED = ProxyHeader.X_FORWARDED_FOR, ProxyHeader.FORWARDED
EVIL = "203.0.113.66"


def seen(peer: str | None, *values: str, header: ProxyHeader = XFF, trusted: TrustedProxies = TRUSTED) -> str | None:
    return trusted.client(peer, hops(header, values))


@pytest.mark.parametrize(
    ("peer", "values", "client"),
    [
        ("198.51.100.7", [], "198.51.100.7"),
        ("198.51.100.7", [EVIL], "198.51.100.7"),  # a stranger's word
        ("10.1.2.3", ["198.51.100.7"], "198.51.100.7"),
        ("10.1.2.3", [f"{EVIL}, 198.51.100.7"], "198.51.100.7"),  # what the client wrote himself
        ("10.1.2.3", [EVIL, "198.51.100.7"], "198.51.100.7"),
        ("10.1.2.3", [f"{EVIL}, 198.51.100.7, 10.9.9.9, 192.0.2.1"], "198.51.100.7"),
        ("10.1.2.3", [f"10.0.0.1, {EVIL}, 10.9.9.9"], EVIL),
        ("10.1.2.3", [f"127.0.0.1, 10.0.0.1, {EVIL}"], EVIL),  # a claim to be one of us
        ("10.1.2.3", ["10.4.4.4, 10.5.5.5"], "10.4.4.4"),  # it began at a proxy
        ("10.1.2.3", [], "10.1.2.3"),
        ("10.1.2.3", ["", " , "], "10.1.2.3"),
        ("10.1.2.3", ["198.51.100.7:4711"], "198.51.100.7"),
        ("10.1.2.3", ["2001:db8::7"], "2001:db8::7"),
        ("10.1.2.3", ["2001:DB8:0:0::7"], "2001:db8::7"),
        ("10.1.2.3", ["[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.1.2.3", ["[2001:db8::7]"], "2001:db8::7"),
        ("10.1.2.3", ["fe80::7%eth0"], "fe80::7"),
        ("10.1.2.3", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("10.1.2.3", ["198.51.100.7, ::ffff:10.0.0.1"], "198.51.100.7"),
        ("::ffff:10.1.2.3", ["198.51.100.7"], "198.51.100.7"),
        ("::ffff:198.51.100.7", [EVIL], "198.51.100.7"),
        ("2001:db8:ffff::1", ["198.51.100.7"], "198.51.100.7"),
        ("2001:db8:fffe::1", [EVIL], "2001:db8:fffe::1"),
        ("192.0.2.2", [EVIL], "192.0.2.2"),
        # Told by a trusted one, and no address: nobody knows, and nothing left of it is believed.
        ("10.1.2.3", [f"{EVIL}, unknown"], None),
        ("10.1.2.3", [f"{EVIL}, unix:"], None),
        ("10.1.2.3", [f"{EVIL}, 10.0.0.256"], None),
        ("10.1.2.3", [f"{EVIL}, 010.0.0.1"], None),
        ("10.1.2.3", [f"{EVIL}, 10.0.0.1/8"], None),
        ("10.1.2.3", [f"{EVIL}, [10.0.0.1"], None),
        ("10.1.2.3", [f"{EVIL}; 10.0.0.1"], None),
        ("10.1.2.3", [f"{EVIL}, 167772161"], None),
        ("10.1.2.3", [f"{EVIL}, \x00"], None),
        ("10.1.2.3", [f"{EVIL}, \u0661\u0660.0.0.1"], None),
        ("10.1.2.3", ["x" * 1_000_000], None),
        ("10.1.2.3", [EVIL + ", 10.0.0.1" * MOST_CHARACTERS], None),
        ("10.1.2.3", [EVIL + ", 10.0.0.1" * (MOST_HOPS + 1)], None),
        # Nobody hides by writing more than is read: what the proxies put behind it counts.
        ("10.1.2.3", ["x" * MOST_CHARACTERS + ", 198.51.100.7"], "198.51.100.7"),
        ("10.1.2.3", [f"{EVIL}, " * MOST_CHARACTERS + "198.51.100.7, 10.0.0.1"], "198.51.100.7"),
        ("10.1.2.3", [EVIL + " " * (MOST_CHARACTERS - 1)], None),  # the rest of an address is none
        ("testclient", [EVIL], None),
        (None, [EVIL], None),  # a unix socket, which isn't trusted here
    ],
)
def test_the_client_is_the_nearest_stranger(peer: str | None, values: list[str], client: str | None) -> None:
    assert seen(peer, *values) == client


@pytest.mark.parametrize(
    ("value", "client"),
    [
        ("for=198.51.100.7", "198.51.100.7"),
        (f"for={EVIL}, for=198.51.100.7;proto=https;by=10.0.0.1", "198.51.100.7"),
        ('FOR="[2001:db8::7]:4711" ; proto=http', "2001:db8::7"),
        ('for="198.51.100.7:80"', "198.51.100.7"),
        (f'for={EVIL};host="a, for=10.0.0.1", for=198.51.100.7', "198.51.100.7"),
        (f'for={EVIL};host="a\\", for=10.0.0.1", for=198.51.100.7', "198.51.100.7"),
        (f'for={EVIL}, for="', None),
        # A quote that the client left open hides nothing of what the proxy put behind it.
        (f'for="{EVIL}, for=198.51.100.7', "198.51.100.7"),
        (f'for="{EVIL}\\, for=198.51.100.7;host="a\\"b,\\\\"', "198.51.100.7"),
        ('for="' + "x," * MOST_CHARACTERS + " for=198.51.100.7", "198.51.100.7"),
        ("for=unknown", None),
        ("for=_hidden", None),
        ("proto=https", None),
        (EVIL, None),
    ],
)
def test_forwarded_is_read_where_it_is_the_one_that_proxies_write(value: str, client: str | None) -> None:
    assert seen("10.1.2.3", value, header=FORWARDED) == client


def test_a_unix_socket_is_trusted_by_name() -> None:
    trusted = TrustedProxies.parse("unix")
    assert seen(None, f"{EVIL}, 198.51.100.7", trusted=trusted) == "198.51.100.7"
    assert seen(None, trusted=trusted) is None
    assert seen("10.1.2.3", EVIL, trusted=trusted) == "10.1.2.3"
    assert seen(None, f"{EVIL}, ", trusted=TrustedProxies()) is None


@pytest.mark.parametrize("text", ["nonsense", "10.0.0.1/33", "10.0.0.1/8", "*", "10.0.0.0/8;127.0.0.1", "1 " * 1_001])
def test_what_names_no_proxy_stops_the_start(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no address|more than"):
        TrustedProxies.parse(text)


strangers = st.ip_addresses().filter(lambda ip: not TRUSTED.trusts(ip) and getattr(ip, "ipv4_mapped", None) is None)
ours = st.sampled_from(["10.0.0.1", "10.200.3.4", "192.0.2.1", "2001:db8:ffff::9"])


@given(
    made_up=st.lists(st.text(max_size=40) | st.ip_addresses().map(str), max_size=5),
    client=strangers,
    proxies=st.lists(ours, min_size=1, max_size=6),
    seed=st.randoms(use_true_random=False),
)
def test_whatever_a_client_makes_up_the_proxies_saw_him(
    made_up: list[str], client: object, proxies: list[str], seed: random.Random
) -> None:
    """A model of proxies that each append whom they saw; between two of them the header may be split in two."""
    values = [part.replace("\n", "") for part in made_up]
    for hop in [str(client), *proxies[:-1]]:
        if values and seed.random() < 0.7:
            values[-1] = f"{values[-1]}, {hop}"
        else:
            values.append(hop)
    assert seen(proxies[-1], *values) == str(ip_address(str(client)))
