"""Recurring windows: weekly hours on the clock of a place, as `MO-FR 09:00-17:00 Europe/Berlin`.

Several are separated by `;`. Days are `MO`, lists and ranges of them (`MO,WE-FR`, `SA-MO`). Hours that end before they
begin run over midnight, and belong to the day on which they begin. A window is open while the clock on the wall there
shows one of its minutes: an hour that the clock skips in spring is skipped, one that it shows twice counts twice.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, Self
from zoneinfo import ZoneInfo

from permissions.engine.errors import WindowError

DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
MIDNIGHT: Final = 24 * 60
LONGEST: Final = 500
MOST: Final = 8
FORTNIGHT: Final = timedelta(days=14)
"""Whoever waits so long finds a window open: not even a change of the clocks hits it twice in a row."""

_SHAPE: Final = re.compile(
    r"(?P<days>[A-Z,-]+) +(?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d) +(?P<zone>[A-Za-z0-9_+/-]{1,64})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Hours:
    """`days` count from Monday, 0; `start` and `end` are minutes of the day, up to 24:00."""

    days: frozenset[int]
    start: int
    end: int
    zone: ZoneInfo

    def open(self, at: datetime) -> bool:
        """Whether the clock there shows one of these minutes."""
        try:
            local = at.astimezone(self.zone)
        except OverflowError:  # at the end of the calendar
            return False
        day, minute = local.weekday(), local.hour * 60 + local.minute
        if self.start < self.end:
            return day in self.days and self.start <= minute < self.end
        return (day in self.days and minute >= self.start) or ((day - 1) % 7 in self.days and minute < self.end)

    def next_look(self, at: datetime) -> datetime:
        """A moment after `at` before which they neither open nor close.

        When they next may by the clock there; where it is set before that, the next whole minute.
        """
        local = at.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        left = min((bound - minute) % MIDNIGHT or MIDNIGHT for bound in (self.start, self.end, 0))
        begun = at - timedelta(seconds=local.second, microseconds=local.microsecond)
        moment = begun + timedelta(minutes=left)
        even = moment.astimezone(self.zone).utcoffset() == local.utcoffset()
        return moment if even else begun + timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Open when any of its hours are."""

    text: str
    hours: tuple[Hours, ...] = field(compare=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a window, or raise `WindowError`."""
        return cls(text, _parsed(text))

    def open(self, at: datetime) -> bool:
        """Whether it is open at that moment."""
        return any(hours.open(at) for hours in self.hours)

    def next_look(self, at: datetime) -> datetime:
        """A moment after `at` before which it neither opens nor closes."""
        try:
            return min(hours.next_look(at) for hours in self.hours)
        except OverflowError:  # at the end of the calendar
            return datetime.max.replace(tzinfo=UTC)

    def opens(self, start: datetime, end: datetime | None) -> bool:
        """Whether it is open at any time from `start` until before `end`."""
        if end is None or end - start >= FORTNIGHT:
            return True
        return any(map(self.open, _minutes(start, end)))

    def __str__(self) -> str:
        return self.text


@lru_cache(1000)
def _parsed(text: str) -> tuple[Hours, ...]:
    if len(text) > LONGEST:
        raise WindowError(text, f"is longer than {LONGEST} characters")
    parts = text.split(";")
    if len(parts) > MOST:
        raise WindowError(text, f"has more than {MOST} parts")
    return tuple(_hours(part.strip()) for part in parts)


def _hours(text: str) -> Hours:
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise WindowError(text, "is not like `MO-FR 09:00-17:00 Europe/Berlin`")
    days = frozenset(day for part in match["days"].split(",") for day in _days(part, text))
    start, end = _minute(match["start"], text), _minute(match["end"], text)
    if start in (end, MIDNIGHT):
        raise WindowError(text, "never opens: it ends as it begins; a whole day is `00:00-24:00`")
    return Hours(days, start, end, _zone(match["zone"], text))


def _days(part: str, text: str) -> list[int]:
    first, dash, last = part.partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        raise WindowError(text, f"has days that are none of {', '.join(DAYS)}")
    start = DAYS.index(first)
    length = (DAYS.index(last) - start) % 7 + 1 if dash else 1
    return [(start + day) % 7 for day in range(length)]


def _minute(clock: str, text: str) -> int:
    hour, minute = map(int, clock.split(":"))
    if minute > 59 or hour * 60 + minute > MIDNIGHT:
        raise WindowError(text, f"has a time that no clock shows: {clock}")
    return hour * 60 + minute


def _zone(name: str, text: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # what it raises depends on what of the name is a file or a folder
        raise WindowError(text, f"has an unknown time zone: {name}") from None


def _minutes(start: datetime, end: datetime) -> Iterator[datetime]:
    """`start`, and each whole minute after it: nothing opens or closes between them."""
    yield start
    moment = start.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while moment < end:
        yield moment
        moment += timedelta(minutes=1)
