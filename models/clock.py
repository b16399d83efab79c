"""The time as it is stored: UTC, cut to the millisecond that BSON keeps."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, aware, in UTC, without the microseconds that MongoDB would drop."""
    return datetime.fromtimestamp(time.time_ns() // 1_000_000 / 1000, UTC)


def stored(moment: datetime) -> datetime:
    """`moment` as MongoDB gives it back: UTC and whole milliseconds."""
    if moment.tzinfo is UTC and not moment.microsecond % 1000:
        return moment
    moment = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
