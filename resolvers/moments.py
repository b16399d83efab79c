"""Moments from outside, checked: what is reckoned from them has to stay within what can be stored."""

from datetime import UTC, datetime
from typing import Final

from resolvers.errors import BadInputError

LAST_YEAR: Final = 9_000


def moment(given: datetime | None, field: str) -> datetime | None:
    """In UTC. Raises `BadInputError`: without an offset nobody knows when it is."""
    if given is None:
        return None
    if given.tzinfo is None:
        raise BadInputError(field, "needs an offset from UTC, as in 2026-11-25T09:00:00Z")
    try:
        found = given.astimezone(UTC)
    except OverflowError:
        found = datetime.max.replace(tzinfo=UTC)
    if found.year > LAST_YEAR:
        raise BadInputError(field, f"is not a time that can be stored, between the years 1 and {LAST_YEAR}")
    return found


def utc_moment(given: datetime | None, field: str) -> datetime | None:
    """The same, where a time without an offset is one of UTC."""
    return moment(given.replace(tzinfo=UTC) if given and given.tzinfo is None else given, field)
