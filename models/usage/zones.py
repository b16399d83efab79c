"""Local time of very many moments at once, in any zone, over any span: exact to the millisecond."""

from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Milliseconds: TypeAlias = NDArray[np.int64]

DAY: Final = 86_400_000
HOUR: Final = 3_600_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST: Final = (datetime(2, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_LATEST: Final = (datetime(9998, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


class Clock:
    """Of one zone. It looks each day up once, and halves those on which clocks are changed until it has the instant.

    A day on which they are changed twice, and back to what they were, doesn't occur.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._days: dict[int, tuple[int, int, int]] = {}

    def local(self, moments: Milliseconds) -> Milliseconds:
        """What the clock shows at these moments, in ms after its own 1970."""
        if not len(moments):
            return moments
        days, places = factors(moments // DAY)
        changes = np.array([self._day(int(day)) for day in days], np.int64)
        at, before, after = changes[places].T
        shown: Milliseconds = moments + np.where(moments < at, before, after)
        return shown

    def _day(self, day: int) -> tuple[int, int, int]:
        """An instant, and the offsets from UTC on that day before and after it, in ms."""
        known = self._days.get(day)
        if known is None:
            first, last = day * DAY, (day + 1) * DAY
            before, after = self._offset(first), self._offset(last - 1)
            known = self._days[day] = (self._change(first, last, before) if before != after else first, before, after)
        return known

    def _change(self, low: int, high: int, before: int) -> int:
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._offset(middle) == before else (low, middle)
        return high

    def _offset(self, moment: int) -> int:
        """At the ends of the calendar, where a local time may lie beyond it, that of a year nearer."""
        at = _EPOCH + timedelta(milliseconds=min(max(moment, _EARLIEST), _LATEST))
        return (at.astimezone(self._zone).utcoffset() or timedelta(0)) // timedelta(milliseconds=1)


def factors(values: Milliseconds) -> tuple[Milliseconds, Milliseconds]:
    """The distinct values, and the place of each among them."""
    low = int(values.min())
    span = int(values.max()) - low + 1
    if span > max(4 * len(values), 1_000_000):
        distinct, places = np.unique(values, return_inverse=True)
        return distinct, places.astype(np.int64)
    there = np.zeros(span, np.bool_)
    there[values - low] = True
    order = np.cumsum(there, dtype=np.int64) - 1
    return np.flatnonzero(there).astype(np.int64) + low, order[values - low]
