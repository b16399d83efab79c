"""A bucket's tally, packed: who wrote how much, when and how fast, in 15 bytes a message and what names take.

Messages are kept one by one and not added up: so any range of time, any time zone and exact percentiles come out of
them, and what is out of sight below a removed message can be left out.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, Self, TypeVar

import numpy as np
from bson import ObjectId

from models.bucket import MessageRole

ROLES: Final = tuple(MessageRole)
UNCOUNTED: Final = 255
"""The role of a message that doesn't count: a deleted one, or the rest of a purged subtree. It keeps its place."""
_PLACES: Final = {role.value: number for number, role in enumerate(ROLES)}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_HEAD: Final = struct.Struct("<BqHHH")
_LENGTH: Final = struct.Struct("<I")
_ID_BYTES: Final = 12

_COLUMNS: Final = ("at", "latency", "read", "written", "used", "model", "author", "role")
NARROW: Final = np.dtype(list(zip(_COLUMNS, ("<u4", *("<u2",) * 4, "u1", "u1", "u1"), strict=True)))
"""`at` in ms after the first one; `latency` in ms and one more, 0 is none; tokens `read`, `written` and `used` in all;
`model` and `author` by place in the tally's lists, from 1, 0 is none."""
WIDE: Final = np.dtype(list(zip(_COLUMNS, ("<i8", *("<u4",) * 4, "<u2", "<u2", "u1"), strict=True)))
"""The same for buckets in which something is larger: that take longer than 49 days, say."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tally:
    """Unpacked but for its rows, which are a `WIDE` or `NARROW` array of as many messages as the bucket has."""

    wide: bool
    since: int
    models: Sequence[str]
    authors: Sequence[ObjectId]
    rows: bytes

    @classmethod
    def read(cls, packed: bytes) -> Self:
        """Of `pack`'s result."""
        wide, since, messages, models, authors = _HEAD.unpack_from(packed)
        rows = len(packed) - messages * (WIDE if wide else NARROW).itemsize
        names, ids = _names(packed[_HEAD.size : rows], models, authors)
        return cls(bool(wide), since, names, ids, packed[rows:])


@lru_cache(maxsize=512)
def _names(packed: bytes, models: int, authors: int) -> tuple[Sequence[str], Sequence[ObjectId]]:
    """So many models, and authors. Kept, because the tallies of a conversation mostly have the same."""
    place, names = 0, []
    for _ in range(models):
        (length,) = _LENGTH.unpack_from(packed, place)
        place += _LENGTH.size
        names.append(packed[place : place + length].decode())
        place += length
    ids = (ObjectId(packed[place + n * _ID_BYTES : place + (n + 1) * _ID_BYTES]) for n in range(authors))
    return tuple(names), tuple(ids)


@dataclass(frozen=True, slots=True)
class Packed:
    """A packed tally. Its messages were written from `since` to `until`, both included, in ms; None: none counts."""

    data: bytes
    since: int | None
    until: int | None


def milliseconds(moment: datetime) -> int:
    """After 1970."""
    return (moment - _EPOCH) // _MILLISECOND


def pack(messages: Sequence[Mapping[str, Any]]) -> Packed:
    """The tally of a bucket's messages, as they are stored."""
    counted = [each.get("deleted_at") is None and not each.get("removed") for each in messages]
    times = [milliseconds(each["created_at"]) for each in messages]
    known = [time for time, counts in zip(times, counted, strict=True) if counts]
    since = min(known, default=0)
    models: dict[str, int] = {}
    authors: dict[ObjectId, int] = {}
    rows = [
        _row(message, time - since, models, authors) if counts else _NOTHING
        for message, time, counts in zip(messages, times, counted, strict=True)
    ]
    wide = _is_wide(rows)
    names = [model.encode() for model in models]
    data = b"".join(
        [
            _HEAD.pack(wide, since, len(rows), len(models), len(authors)),
            *(_LENGTH.pack(len(name)) + name for name in names),
            *(author.binary for author in authors),
            np.array(rows, WIDE if wide else NARROW).tobytes(),
        ]
    )
    return Packed(data, since if known else None, max(known, default=None))


_NOTHING: Final = (0, 0, 0, 0, 0, 0, 0, UNCOUNTED)


def _row(message: Mapping[str, Any], at: int, models: dict[str, int], authors: dict[ObjectId, int]) -> tuple[int, ...]:
    metadata = message.get("metadata") or {}
    latency = metadata.get("latency_ms")
    read, written = (metadata.get(name) or 0 for name in ("tokens_in", "tokens_out"))
    used = metadata.get("tokens_used")
    return (
        at,
        0 if latency is None else latency + 1,
        read,
        written,
        read + written if used is None else used,
        _place(metadata.get("llm_model"), models),
        _place(message.get("author_id"), authors),
        _PLACES[message["role"]],
    )


def _place(value: T | None, places: dict[T, int]) -> int:
    return 0 if value is None else places.setdefault(value, len(places) + 1)


def _is_wide(rows: Sequence[tuple[int, ...]]) -> bool:
    most = [max(column) for column in zip(*rows, strict=True)]
    return any(value > limit for value, limit in zip(most, _NARROWEST, strict=False))


_NARROWEST: Final = (2**32 - 1, *(2**16 - 1,) * 4, 255, 255)
