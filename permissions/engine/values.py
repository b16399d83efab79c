"""Which values conditions can compare, in Python and in MongoDB alike."""

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, Final

from bson import ObjectId


class Kind(StrEnum):
    """What compares with its like only: a boolean is not a number, an id is not a string."""

    NULL = "null"
    BOOL = "boolean"
    NUMBER = "number"
    STRING = "string"
    DATE = "date"
    ID = "id"
    DURATION = "duration"
    """Never stored: MongoDB has no such type."""
    ADDRESS = "ip"
    NETWORK = "cidr"
    ZONE = "time zone"
    """These three are only what functions take and give, and compare with nothing."""


BSON_TYPES: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.NULL: ("null",),
    Kind.BOOL: ("bool",),
    Kind.NUMBER: ("int", "long", "double"),
    Kind.STRING: ("string",),
    Kind.DATE: ("date",),
    Kind.ID: ("objectId",),
}
"""The stored types of each kind, as `$type` names them."""

ORDERED: Final = frozenset({Kind.NUMBER, Kind.STRING, Kind.DATE, Kind.DURATION})
"""Kinds with a before and an after."""

LONGEST_INT: Final = 2**63
"""MongoDB stores integers below this, and from minus this on."""

_CLASSES: Final[tuple[tuple[type, Kind], ...]] = (
    (bool, Kind.BOOL),
    (str, Kind.STRING),
    (int, Kind.NUMBER),
    (ObjectId, Kind.ID),
)
_LAST: Final[Mapping[type, Kind]] = {type(None): Kind.NULL, timedelta: Kind.DURATION}
"""Classes whose own classes are something else."""


class _Kinds(dict[type, Kind | None]):
    """By class, as soon as it was asked for: ids come as a class of their own, on each decision."""

    def __missing__(self, type_: type) -> Kind | None:
        derived = next((derived for cls, derived in _CLASSES if issubclass(type_, cls)), None)
        self[type_] = _LAST.get(type_, derived)
        return self[type_]


_OF_CLASS: Final = _Kinds()


def kind(value: object) -> Kind | None:
    """The kind of a scalar; None for what can't be compared: lists, maps, NaN, a time without a zone, the rest."""
    found = _OF_CLASS[type(value)]
    if found is not None:
        return found
    if isinstance(value, float):
        return None if math.isnan(value) else Kind.NUMBER
    if isinstance(value, datetime):
        return None if value.tzinfo is None else Kind.DATE
    return None


def alike(value: object) -> bool:
    """Whether any two of its class can be compared: certain if so, and quick."""
    return _OF_CLASS[type(value)] is not None


def same(left: object, right: object) -> bool:
    """Equal, and of one kind."""
    of_left = kind(left)
    return of_left is not None and of_left is kind(right) and left == right


def is_list(value: object) -> bool:
    """Whether membership in `value` can be asked."""
    return isinstance(value, list | tuple | frozenset)


def storable(value: object) -> bool:
    """Whether MongoDB can be told of this scalar: no huge integer, no half of a surrogate pair, no duration."""
    if isinstance(value, str):
        return value.isascii() or _encodes(value)
    if isinstance(value, int):
        return -LONGEST_INT <= value < LONGEST_INT
    return not isinstance(value, timedelta)


def stored_forms(value: object) -> list[Any]:
    """What MongoDB can be told of that equals this scalar: itself, or a huge integer's fraction; or nothing at all."""
    if storable(value):
        return [value]
    nearest = _fraction(value) if isinstance(value, int) else None
    return [nearest] if nearest == value else []


def stored_bound(order: str, value: Any) -> tuple[str, Any]:
    """An order and a bound that MongoDB can be told of, which part what it stores as these do."""
    if storable(value):
        return order, value
    below = order in ("lt", "lte")
    if isinstance(value, str):  # no stored text holds half of a pair: what begins like this is before or after all such
        return "lt" if below else "gte", re.split("[\ud800-\udfff]", value, maxsplit=1)[0] + "\ue000"
    nearest = _fraction(value)
    if nearest == value:
        return order, nearest
    return ("lte" if below else "gt") if nearest < value else ("lt" if below else "gte"), nearest


def _fraction(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(value: object) -> str:
    """As errors and explanations write a value: times and durations as CEL does, addresses as they are."""
    if isinstance(value, datetime):
        return f'timestamp("{value.isoformat().replace("+00:00", "Z")}")'
    if isinstance(value, timedelta):
        return f'duration("{str(value.total_seconds()).removesuffix(".0")}s")'
    return str(value) if isinstance(value, _ADDRESSES) else repr(value)


_ADDRESSES: Final = (IPv4Address, IPv6Address, IPv4Network, IPv6Network)


def name_of(value: Any) -> str:
    """How errors call what `value` is."""
    of_value = kind(value)
    return of_value.value if of_value else type(value).__name__
