"""The number of a conversation's latest change that its readers are told of: what was never told leaves a hole there.

Each such write counts `news` up and notes its mark in `newest`, in the same update that makes the change. So whoever
reads the conversation afterwards knows which number his own change got, whoever else wrote beside him.
"""

import secrets
from collections.abc import Sequence
from typing import Any, Final

REMEMBERED: Final = 16
"""Changes whose marks are kept: so many others may come between a write and the reading after it."""


def new_mark() -> str:
    """Of a change that is made once, and never tried again."""
    return f"~{secrets.token_urlsafe(4)}"


def appended(place: object) -> str:
    """Of a message that was stored there. A retry comes to the same one, and so to the number of the first try."""
    return f"{place}"


def deleted(place: object) -> str:
    """Of the deletion of the message there."""
    return f"-{place}"


def restored(place: object) -> str:
    """Of its restoration."""
    return f"+{place}"


def ended(place: object) -> str:
    """Of the end of a message that was being written there."""
    return f"={place}"


def noting(mark: str, unless: Any = False) -> dict[str, Any]:
    """Fields for the `$set` of an update that is a pipeline. `unless`: a condition under which nothing changes."""
    known = {"$ifNull": ["$newest", []]}
    number = {"$ifNull": ["$news", 0]}
    marks = {"$slice": [{"$concatArrays": [known, [{"$literal": mark}]]}, -REMEMBERED]}
    return {
        "news": {"$cond": [unless, number, {"$add": [number, 1]}]},
        "newest": {"$cond": [unless, known, marks]},
    }


def number_of(news: int, newest: Sequence[str], mark: str) -> int | None:
    """The number of the latest change with that mark; None where so many came since that it isn't known."""
    ages = (age for age, each in enumerate(reversed(newest)) if each == mark)
    age = next(ages, None)
    return None if age is None else news - age
