"""What people call a device: from the browser's own words, which are long and mostly about other browsers."""

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from permissions.authn.addresses import subscriber
from permissions.authn.principal import Client

CHARACTERS: Final = 200
_READ: Final = 1_000
"""Characters of a `User-Agent` that are looked at."""

# In this order: almost every browser also claims to be those that follow.
BROWSERS: Final = (
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex Browser"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Electron/", "Electron"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Darwin", "macOS or iOS"),
    ("Linux", "Linux"),
)
_PRODUCT: Final = re.compile(r"([A-Za-z][A-Za-z0-9._-]{0,39})/\d[^\s()]*")


def name_of(given: str | None, client: Client) -> str | None:
    """The name that was `given`, or else one like `Firefox on Linux`; None where nothing tells."""
    return _plain(given) or _plain(_described(client.user_agent))


def agent_of(client: Client) -> str:
    """Recognises the same program; a digest, for the words are long, and nobody needs to read them."""
    return sha256((client.user_agent or "").encode(errors="replace")).hexdigest()[:32]


def proof_of(client: Client) -> str:
    """What a client can't easily have in common with a thief elsewhere: network and program, as a digest.

    Empty, which is no proof at all, where the address isn't known. Words can be copied; an address can't, by
    somebody who has to get an answer.
    """
    if client.ip is None:
        return ""
    return sha256(f"{subscriber(client.ip)}\n{agent_of(client)}".encode(errors="replace")).hexdigest()[:32]


def _described(agent: str | None) -> str | None:
    if not agent:
        return None
    agent = agent[:_READ]
    browser, system = _first(BROWSERS, agent), _first(SYSTEMS, agent)
    if browser is None and (product := _PRODUCT.match(agent)) and product[1] != "Mozilla":
        browser = product[1]
    return " on ".join(part for part in (browser, system) if part) if browser else agent


def _first(known: Sequence[tuple[str, str]], agent: str) -> str | None:
    return next((name for mark, name in known if mark in agent), None)


def _plain(name: str | None) -> str | None:
    """A name that fits a list, that any store takes, and that a terminal shows as it is."""
    if name is None:
        return None
    taken = name.encode(errors="replace").decode()
    return "".join(filter(str.isprintable, taken))[:CHARACTERS].strip() or None
