"""`Range` and what belongs to it (RFC 9110, 13 and 14): one range of bytes, or the whole."""

import re
from dataclasses import dataclass
from typing import Final

_ONE: Final = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*")
DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `start <= place < stop`."""

    start: int
    stop: int


class UnsatisfiableError(Exception):
    """The range begins after the end."""


def span(header: str | None, length: int) -> Span | None:
    """The range that is wanted of `length` bytes; None: all of it. Raises `UnsatisfiableError`.

    What is malformed, in another unit, or asks for several ranges is answered with the whole, as the RFC allows: many
    small or overlapping ranges would cost more than they ask for.
    """
    found = _ONE.fullmatch(header or "")
    if found is None or found[0] == "" or not (found[1] or found[2]):
        return None
    first, last = found[1], found[2]
    if not first:
        wanted = _number(last)
        if not wanted or not length:
            raise UnsatisfiableError
        return Span(max(length - wanted, 0), length)
    start = _number(first)
    if last and _number(last) < start:
        return None
    if start >= length:
        raise UnsatisfiableError
    return Span(start, min(_number(last) + 1, length) if last else length)


def _number(digits: str) -> int:
    """Far beyond any file, where it has more digits than are worth reading."""
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= DIGITS else 10**DIGITS


def matches(tag: str, header: str | None) -> bool:
    """`If-None-Match`: whether it has `tag`, weakly compared."""
    known = {each.strip().removeprefix("W/") for each in (header or "").split(",")}
    return tag in known or "*" in known
