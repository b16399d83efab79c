"""What an `Accept` header wants (RFC 9110, 12.5.1)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

Range = tuple[str, Mapping[str, str], float]
"""Name, parameters and weight."""
LONGEST: Final = 4096
"""Characters of a header that are read at all."""
MOST: Final = 64
"""Ranges that are."""
_WEIGHT: Final = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
_PARAMETERS: Final[Mapping[str, str]] = {"charset": "utf-8"}
"""Those that everything has which is answered as text; a range with another one means something else."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How much a type is wanted, 0 to 1, and where in the header that is said, counted from 0."""

    quality: float = 0.0
    place: int = 0


def quality(accept: str, media_type: str) -> float:
    """How much an `Accept` header wants a type, 0 to 1, by its most specific range."""
    return wish(_found(accept), media_type).quality


def preferred(accept: str, offered: Iterable[str]) -> str | None:
    """Which of the types a header wants most; of equals the one that it names first, or that is offered first.

    None where it wants none of them. A header that is empty wants any.
    """
    offered = list(offered)
    if not accept.strip():
        return offered[0]
    ranges = list(_found(accept))
    wishes = {media_type: wish(ranges, media_type) for media_type in offered}
    best = min(offered, key=lambda each: (-wishes[each].quality, wishes[each].place))
    return best if wishes[best].quality > 0 else None


def wish(ranges: Iterable[Range], media_type: str) -> Wish:
    """What the most specific of the ranges says that fit a type; of equals the first."""
    best, found = -1, Wish()
    names = ("*/*", f"{media_type.partition('/')[0]}/*", media_type)
    for place, (name, parameters, weight) in enumerate(ranges):
        if name not in names or any(_PARAMETERS.get(key) != value for key, value in parameters.items()):
            continue
        specific = 2 * names.index(name) + bool(parameters)
        if specific > best:
            best, found = specific, Wish(weight, place)
    return found


def _found(accept: str) -> Iterator[Range]:
    """One whose weight can't be read is not wanted."""
    for item in _split(accept[:LONGEST], ",")[:MOST]:
        name, *rest = (part.strip() for part in _split(item, ";"))
        if name:
            yield name.lower(), *_read(rest)


def _read(parts: list[str]) -> tuple[dict[str, str], float]:
    parameters: dict[str, str] = {}
    for part in parts:
        key, _, value = part.partition("=")
        if key.strip().lower() == "q":  # what follows it is no parameter of the type
            return parameters, float(value.strip()) if _WEIGHT.fullmatch(value.strip()) else 0.0
        if key.strip():
            parameters[key.strip().lower()] = value.strip().strip('"').lower()
    return parameters, 1.0


def _split(text: str, separator: str) -> list[str]:
    """At each separator that is in no quotes; in linear time, whatever the text is."""
    if '"' not in text:
        return text.split(separator)
    parts, begun, quoted, escaped = list[str](), 0, False, False
    for index, char in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == separator and not quoted:
            parts.append(text[begun:index])
            begun = index + 1
    return [*parts, text[begun:]]
