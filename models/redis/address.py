"""Addresses of Redis, taken apart. What is wrong with one is said without showing any of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, NamedTuple, Self
from urllib.parse import parse_qsl, unquote, urlencode

from redis.asyncio.connection import Connection, SSLConnection, parse_url

from models.redis.errors import RedisAddressError

FORMS: Final = (
    "redis://[user:password@]host:port[/db]; rediss:// the same with TLS; unix:///path?db=0; "
    "redis+sentinel://[user:password@]host:port,…/service[/db]; redis+cluster://[user:password@]host:port,…"
)
"""`rediss+sentinel` and `rediss+cluster`, with TLS, go without saying."""
SENTINEL_PORT: Final = 26379
SERVER_PORT: Final = 6379

_HOST: Final = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.%]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?", re.ASCII
)
_OWN: Final = ("sentinel_username", "sentinel_password")


class Topology(Enum):
    """How Redis stays there when a server dies."""

    SINGLE = "single"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


class Node(NamedTuple):
    """Where a server listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """`nodes` are sentinels, or servers of a cluster that know the others; none for a single server.

    `options` are those of a connection to a server as redis-py names them; they have the password.
    """

    topology: Topology
    nodes: tuple[Node, ...]
    service: str = ""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    sentinel_options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """What `url` writes. Raise `RedisAddressError`."""
        scheme, found, rest = url.partition("://")
        kind, plus, form = scheme.partition("+")
        if not found or kind not in ("redis", "rediss", "unix") or (kind == "unix" and plus):
            raise RedisAddressError(f"is none of {FORMS}")
        if not plus:
            return cls(Topology.SINGLE, (), options=_single(kind, rest, url))
        if form not in (Topology.SENTINEL.value, Topology.CLUSTER.value):
            raise RedisAddressError(f"is none of {FORMS}")
        before, _, query = rest.partition("?")
        place, _, path = before.partition("/")
        own, options = _queried(kind, query)
        options |= _signing_in(place)
        if form == Topology.CLUSTER.value:
            return cls._cluster(place, path, own, options)
        service, _, db = path.partition("/")
        return cls._sentinel(place, unquote(service), db, own, options)

    @classmethod
    def _cluster(cls, place: str, path: str, own: Mapping[str, str], options: dict[str, Any]) -> Self:
        if path not in ("", "0") or options.get("db"):
            raise RedisAddressError("names a database: a cluster has only 0")
        if own:
            raise RedisAddressError("has options for sentinels, and is of a cluster")
        options.pop("db", None)
        return cls(Topology.CLUSTER, _nodes(place, SERVER_PORT), options=options)

    @classmethod
    def _sentinel(cls, place: str, service: str, db: str, own: Mapping[str, str], options: dict[str, Any]) -> Self:
        if not service:
            raise RedisAddressError("does not name the service: redis+sentinel://host:port,…/service")
        if db and not (db.isascii() and db.isdigit()):
            raise RedisAddressError("has something else than the number of a database behind the service")
        if db:
            options["db"] = int(db)
        to_sentinels = {name: value for name, value in options.items() if name.startswith(("ssl_", "socket_"))}
        to_sentinels["ssl"] = options.get("connection_class") is SSLConnection
        to_sentinels |= {name.removeprefix("sentinel_"): value for name, value in own.items()}
        return cls(Topology.SENTINEL, _nodes(place, SENTINEL_PORT), service, options, to_sentinels)


def _single(kind: str, rest: str, url: str) -> dict[str, Any]:
    """Of one server; redis-py reads it, once it is known that it reads what is meant."""
    before = rest.partition("?")[0]
    if kind != "unix":
        place, _, db = before.partition("/")
        if "," in place.rpartition("@")[2]:
            raise RedisAddressError("has several servers: redis+sentinel:// and redis+cluster:// may have that")
        if place.rpartition("@")[2]:
            _nodes(place, SERVER_PORT)
        if db and not (db.isascii() and db.isdigit()):
            raise RedisAddressError("has something else than the number of a database behind the host")
    elif not before.rpartition("@")[2].startswith("/"):
        raise RedisAddressError("does not name the path of a socket: unix:///path")
    return _read(url)


def _queried(kind: str, query: str) -> tuple[dict[str, str], dict[str, Any]]:
    """The options behind `?`: those for sentinels, and those of connections."""
    given = parse_qsl(query, keep_blank_values=True)
    own = {name: value for name, value in given if name in _OWN}
    rest = urlencode([(name, value) for name, value in given if name not in _OWN])
    options = _read(f"{kind}://host?{rest}")
    return own, {name: value for name, value in options.items() if name not in ("host", "port")}


def _read(url: str) -> dict[str, Any]:
    try:
        options: dict[str, Any] = dict(parse_url(url))
        made = dict(options)
        made.pop("max_connections", None)
        made.pop("connection_class", Connection)(**made)  # it connects to nothing
    except Exception:  # whatever it says may show the password
        raise RedisAddressError(f"has an option that is unknown, or written wrongly; {_HINT}") from None
    return options


def _signing_in(place: str) -> dict[str, str]:
    who, found, _ = place.rpartition("@")
    if not found:
        return {}
    name, _, password = who.partition(":")
    given = {"username": unquote(name), "password": unquote(password)}
    return {each: value for each, value in given.items() if value}


def _nodes(place: str, port: int) -> tuple[Node, ...]:
    return tuple(_node(each, port) for each in place.rpartition("@")[2].split(","))


def _node(text: str, port: int) -> Node:
    match = _HOST.fullmatch(text)
    if match is None or not 0 < int(match["port"] or port) < 2**16:
        raise RedisAddressError(f"has a host that is not written host:port or [address]:port; {_HINT}")
    return Node(match["six"] or match["name"], int(match["port"] or port))


_HINT: Final = "user and password are percent-encoded (`/` is %2F, `@` is %40)"
