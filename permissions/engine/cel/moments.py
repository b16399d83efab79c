"""Times and durations, as CEL writes them and takes them apart."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from models.clock import stored
from permissions.engine.operands import Fault

_PART: Final = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)(h|ms|us|ns|m|s)", re.ASCII)
_DURATION: Final = re.compile(rf"([+-]?)((?:{_PART.pattern})+)", re.ASCII)
_SECONDS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
LONGEST_ZONE: Final = 40
_OFFSET: Final = re.compile(r"([+-]?)(\d\d):(\d\d)", re.ASCII)


def timestamp(value: Any) -> datetime | Fault:
    """From RFC 3339, to the millisecond that MongoDB keeps."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return Fault(f"not a time like 2026-03-02T12:00:00Z: {str(value)[:40]!r}")
    try:
        return stored(datetime.fromisoformat(value.upper()))
    except (ValueError, OverflowError):
        return Fault(f"no such time: {value!r}")


def duration(value: Any) -> timedelta | Fault:
    """From `1h30m`, `90s`, `1.5h`, `-10ms`."""
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(value) if isinstance(value, str) and len(value) <= 100 else None
    if found is None:
        return Fault(f"not a duration like 1h30m: {str(value)[:40]!r}")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(found[2]))
    return span(-seconds if found[1] == "-" else seconds)


def span(seconds: float) -> timedelta | Fault:
    """So many seconds."""
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        return Fault("too long a duration")


def zone(name: Any) -> tzinfo | Fault:
    """From `Europe/Berlin` or `+02:00`."""
    found = _zone(name) if isinstance(name, str) and len(name) <= LONGEST_ZONE else None
    return found or Fault(f"no such time zone: {str(name)[:LONGEST_ZONE]!r}")


@lru_cache(maxsize=1000)
def _zone(name: str) -> tzinfo | None:
    found = _OFFSET.fullmatch(name)
    try:
        if found is None:
            return ZoneInfo(name)
        minutes = int(found[2]) * 60 + int(found[3])
        return timezone(timedelta(minutes=-minutes if found[1] == "-" else minutes))
    except (OSError, ValueError, LookupError):
        return None


PARTS: Final[Mapping[str, Callable[[datetime], int]]] = {
    "getFullYear": lambda at: at.year,
    "getMonth": lambda at: at.month - 1,
    "getDate": lambda at: at.day,
    "getDayOfMonth": lambda at: at.day - 1,
    "getDayOfWeek": lambda at: at.isoweekday() % 7,
    "getDayOfYear": lambda at: at.timetuple().tm_yday - 1,
    "getHours": lambda at: at.hour,
    "getMinutes": lambda at: at.minute,
    "getSeconds": lambda at: at.second,
    "getMilliseconds": lambda at: at.microsecond // 1000,
}
"""As CEL counts: months, days of the month and of the year from 0, days of the week from Sunday, which is 0."""


def part(name: str) -> Callable[..., Any]:
    """The function that takes this part of a time, in UTC or another zone."""
    take = PARTS[name]

    def taken(at: Any, where: tzinfo = UTC) -> int | Fault:
        if not isinstance(at, datetime) or at.tzinfo is None:
            return Fault(f"{name} is for times")
        return take(at.astimezone(where))

    return taken
