"""Free-form JSON from outside (attributes, metadata), checked before it goes near a database."""

import math
from collections.abc import Iterator
from typing import Any, Final

MAX_DEPTH: Final = 32
"""Nesting allowed. MongoDB refuses 200 levels; the embedded server dies of a thousand."""
MAX_INTEGER: Final = 2**63 - 1


class FreeFormError(ValueError):
    """What is wrong with the value, as the end of a sentence that begins with its name."""


def check_free_form(value: Any) -> None:
    """Raise `FreeFormError` unless BSON can hold `value`, and JSON can give it back as it is."""
    for depth, part in _walk(value):
        if depth > MAX_DEPTH:
            raise FreeFormError(f"is nested deeper than {MAX_DEPTH} levels")
        _check_leaf(part)


def _walk(value: Any) -> Iterator[tuple[int, Any]]:
    """Every value and key in `value` with its depth, without recursion."""
    pending: list[tuple[int, Any]] = [(1, value)]
    while pending:
        depth, part = pending.pop()
        yield depth, part
        if isinstance(part, dict):
            pending += [(depth + 1, child) for child in part.values()]
            pending += [(depth + 1, _Key(key)) for key in part]
        elif isinstance(part, list):
            pending += [(depth + 1, child) for child in part]
        if depth > MAX_DEPTH:
            return


class _Key(str):
    """A key of an object: text with more rules than other text."""

    __slots__ = ()


def _check_leaf(part: Any) -> None:
    if isinstance(part, str):
        _check_text(part)
    elif isinstance(part, float) and not math.isfinite(part):
        raise FreeFormError("holds a number that JSON doesn't know")
    elif isinstance(part, int) and not -MAX_INTEGER - 1 <= part <= MAX_INTEGER:
        raise FreeFormError("holds an integer of more than 64 bits")
    elif not isinstance(part, str | float | int | bool | dict | list | None):
        raise FreeFormError("holds what is not JSON")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise FreeFormError("holds half a surrogate pair") from None
    if isinstance(text, _Key) and (not text or text.startswith("$") or "." in text or "\0" in text):
        raise FreeFormError("has a key that is empty, begins with `$`, or holds `.` or NUL")
