"""Counting: tallies become groups. Nothing here waits: it is done in a thread, beside the event loop."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from bson import ObjectId
from numpy.typing import NDArray

from models.bucket import MessageRole
from models.usage.errors import TooMuchUsageError
from models.usage.figures import Figures, Sums
from models.usage.packing import NARROW, ROLES, UNCOUNTED, WIDE, milliseconds
from models.usage.question import UsageDimension, UsageQuestion
from models.usage.reading import Sheet
from models.usage.zones import DAY, HOUR, Clock, factors

MOST_MESSAGES: Final = 5_000_000
"""To one question; 12 bytes for each latency are held in memory."""
MOST_GROUPS: Final = 10_000
MOST_NAMES: Final = 4 * 1024 * 1024
"""Characters of the names by which groups are told apart."""
_PER_DIMENSION: Final = 2**20

Key: TypeAlias = tuple[str | int | ObjectId | MessageRole | None, ...]
"""A value for each dimension; days are numbered from 1970, hours are the instants at which they begin, in ms."""
Rows: TypeAlias = NDArray[Any]
Numbers: TypeAlias = NDArray[np.int64]


class Counting:
    """Of one question."""

    def __init__(self, question: UsageQuestion) -> None:
        self._question = question
        self._clock = Clock(question.zone)
        self._codes: list[_Codes] = [_Codes() for _ in question.by]
        self._groups: dict[tuple[int, ...], int] = {}
        self._names = 0
        self._read = 0
        self.total = Sums()
        self.each = Sums()

    def add(self, sheets: Sequence[Sheet]) -> None:
        """Count these too. Raises `TooMuchUsageError`."""
        for wide in (False, True):
            some = [sheet for sheet in sheets if sheet.tally.wide is wide and sheet.first_depth < sheet.stop]
            if some:
                self._add(_Batch(some, WIDE if wide else NARROW))

    def groups(self) -> dict[Key, Figures]:
        """What there is, by key."""
        figures = self.each.figures(len(self._groups))
        named = [[code.values[number] for code, number in zip(self._codes, key, strict=True)] for key in self._groups]
        return {tuple(name): each for name, each in zip(named, figures, strict=True)}

    def _add(self, batch: "_Batch") -> None:
        self._read += len(batch.rows)
        if self._read > MOST_MESSAGES:
            raise TooMuchUsageError("messages", MOST_MESSAGES)
        batch.keep(self._question)
        if not len(batch.rows):
            return
        self.total.add(np.zeros(len(batch.rows), np.int64), batch.rows, batch.metadata)
        by = self._question.by
        if UsageDimension.TAG in by:
            batch.repeat_by_tag()
        columns = [self._coded(code, batch, dimension) for code, dimension in zip(self._codes, by, strict=True)]
        self.each.add(self._grouped(columns, len(batch.rows)), batch.rows, batch.metadata)

    def _coded(self, codes: "_Codes", batch: "_Batch", dimension: UsageDimension) -> Numbers:
        if dimension is UsageDimension.DAY:
            return codes.of(self._clock.local(batch.at) // DAY)
        if dimension is UsageDimension.HOUR:
            local = self._clock.local(batch.at)
            return codes.of(local // HOUR * HOUR - (local - batch.at))
        return batch.named(dimension, codes)

    def _grouped(self, columns: Sequence[Numbers], length: int) -> Numbers:
        """The number of the group of each row."""
        packed = np.zeros(length, np.int64)
        for column in columns:
            packed = packed * _PER_DIMENSION + column
        distinct, places = factors(packed)
        numbers = np.array([self._number(int(each)) for each in distinct], np.int64)
        return numbers[places]

    def _number(self, packed: int) -> int:
        key: list[int] = []
        for _ in self._codes:
            packed, number = divmod(packed, _PER_DIMENSION)
            key.insert(0, number)
        known = self._groups.get(tuple(key))
        if known is None:
            known = self._groups[tuple(key)] = len(self._groups)
            names = (code.values[number] for code, number in zip(self._codes, key, strict=True))
            self._names += sum(len(name) for name in names if isinstance(name, str))
            if len(self._groups) > MOST_GROUPS or self._names > MOST_NAMES:
                raise TooMuchUsageError("groups", MOST_GROUPS)
        return known


class _Codes:
    """Small numbers for the values of one dimension."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._known: dict[Any, int] = {}

    def one(self, value: Any) -> int:
        known = self._known.get(value)
        if known is None:
            if len(self.values) >= _PER_DIMENSION:
                raise TooMuchUsageError("groups", MOST_GROUPS)
            known = self._known[value] = len(self.values)
            self.values.append(value)
        return known

    def of(self, numbers: Numbers) -> Numbers:
        distinct, places = factors(numbers)
        return np.array([self.one(int(each)) for each in distinct], np.int64)[places]


class _Batch:
    """The rows of many sheets, and of which sheet each is."""

    def __init__(self, sheets: Sequence[Sheet], dtype: np.dtype[Any]) -> None:
        self._sheets = sheets
        self.rows: Rows = np.frombuffer(b"".join(sheet.tally.rows for sheet in sheets), dtype)
        counts = np.array([len(sheet.tally.rows) // dtype.itemsize for sheet in sheets])
        self._sheet: Numbers = np.repeat(np.arange(len(sheets)), counts)
        self.at: Numbers = self.rows["at"] + self._spread([sheet.tally.since for sheet in sheets])
        self._places: Numbers = np.arange(len(self.rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        self._tags: Numbers | None = None

    @property
    def metadata(self) -> NDArray[np.bool_]:
        """Whether the metadata may be read, of each row."""
        known: NDArray[np.bool_] = self._spread([sheet.conversation.metadata for sheet in self._sheets]).astype(
            np.bool_
        )
        return known

    def keep(self, question: UsageQuestion) -> None:
        """Those rows only that are seen, and wanted."""
        wanted = question.wanted
        kept = self.rows["role"] != UNCOUNTED
        if any(sheet.stop <= sheet.first_depth + len(sheet.tally.rows) for sheet in self._sheets):
            kept &= self._places < self._spread([sheet.stop - sheet.first_depth for sheet in self._sheets])
        if wanted.since is not None:
            kept &= self.at >= milliseconds(wanted.since)
        if wanted.until is not None:
            kept &= self.at < milliseconds(wanted.until)
        if wanted.role is not None:
            kept &= self.rows["role"] == ROLES.index(wanted.role)
        if wanted.author_id is not None:
            kept &= self.rows["author"] == self._spread([_at(s.tally.authors, wanted.author_id) for s in self._sheets])
        if wanted.llm_model is not None:
            kept &= self.rows["model"] == self._spread([_at(s.tally.models, wanted.llm_model) for s in self._sheets])
        if not kept.all():
            self._take(kept)

    def repeat_by_tag(self) -> None:
        """Each row once for each tag of its conversation; those without any, once."""
        times = self._spread([max(len(sheet.conversation.tags), 1) for sheet in self._sheets])
        self._take(np.repeat(np.arange(len(self.rows)), times))
        self._tags = np.arange(len(self.rows)) - np.repeat(np.cumsum(times) - times, times)

    def named(self, dimension: UsageDimension, codes: _Codes) -> Numbers:
        """The numbers of the values of a dimension that isn't a time."""
        if dimension is UsageDimension.ROLE:
            roles: Numbers = np.array([codes.one(role) for role in ROLES], np.int64)[self.rows["role"]]
            return roles
        if dimension is UsageDimension.OWNER:
            return self._spread([codes.one(sheet.conversation.owner_id) for sheet in self._sheets])
        values, places = _NAMES[dimension]
        known: dict[tuple[Any, ...], list[int]] = {}  # the sheets of a conversation mostly have the same
        lists: list[list[int]] = []
        for sheet in self._sheets:
            names = tuple(values(sheet))
            if names not in known:
                known[names] = [codes.one(each) for each in names]
            lists.append(known[names])
        return self._listed(lists, places(self))

    def _listed(self, lists: Sequence[Sequence[int]], places: Numbers) -> Numbers:
        """Of each row the number at its place in its sheet's list."""
        starts = np.cumsum([0, *(len(each) for each in lists)])[:-1]
        every = np.array([number for each in lists for number in each], np.int64)
        found: Numbers = every[starts[self._sheet] + places]
        return found

    def _spread(self, values: Sequence[int]) -> Numbers:
        spread: Numbers = np.array(values, np.int64)[self._sheet]
        return spread

    def _take(self, chosen: Any) -> None:
        self.rows, self.at = self.rows[chosen], self.at[chosen]
        self._sheet, self._places = self._sheet[chosen], self._places[chosen]

    def models(self) -> Numbers:
        """The place of each row's model; 0, which is none, where metadata may not be read."""
        return np.where(self.metadata, self.rows["model"], 0).astype(np.int64)

    def authors(self) -> Numbers:
        """The place of each row's author."""
        return self.rows["author"].astype(np.int64)

    def tags(self) -> Numbers:
        """The place of each row's tag, after `repeat_by_tag`."""
        return np.zeros(len(self.rows), np.int64) if self._tags is None else self._tags


_NAMES: Final[Mapping[UsageDimension, tuple[Callable[[Sheet], Sequence[Any]], Callable[[_Batch], Numbers]]]] = {
    UsageDimension.MODEL: (
        lambda sheet: [None, *(sheet.tally.models if sheet.conversation.metadata else ())],
        _Batch.models,
    ),
    UsageDimension.USER: (lambda sheet: [None, *sheet.tally.authors], _Batch.authors),
    UsageDimension.TAG: (lambda sheet: sheet.conversation.tags or [None], _Batch.tags),
}


def _at(values: Sequence[Any], value: Any) -> int:
    """The place of `value` from 1; one that no row has where it isn't there."""
    return values.index(value) + 1 if value in values else -1
