"""Candidates: the documents of a segment that hold every needle, with their scores; all in arrays, nothing read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.int64]
Strengths: TypeAlias = NDArray[np.uint8] | NDArray[np.int32]
"""As postings hold them, or weighed: 32 needles of the greatest weight are below 2³¹."""

BITS: Final = 8
"""Of a strength, as postings hold it."""
DENSE: Final = 16
"""Where more than one of so many documents is held, a table of all beats sorting, and searching."""
NONE: Final[Numbers] = np.empty(0, np.int64)
WEAK: Final[Strengths] = np.empty(0, np.uint8)
"""Strengths of none."""


@dataclass(frozen=True, slots=True)
class Found:
    """Documents in order, each with a strength."""

    docs: Numbers
    strengths: Strengths

    def within(self, ranges: "Ranges") -> "Found":
        """Those in `ranges`: slices, as documents are in order."""
        slices = self._slices(ranges)
        if len(slices) == 1:
            return Found(self.docs[slices[0]], self.strengths[slices[0]])
        return joined([Found(self.docs[each], self.strengths[each]) for each in slices])

    def count(self, ranges: "Ranges") -> int:
        """How many are in `ranges`."""
        return sum(each.stop - each.start for each in self._slices(ranges))

    def _slices(self, ranges: "Ranges") -> list[slice]:
        bounds = self.docs.searchsorted(ranges.edges).tolist()
        return [slice(start, stop) for start, stop in zip(bounds[::2], bounds[1::2], strict=True)]

    def without(self, docs: Numbers) -> "Found":
        """Those that are none of `docs`."""
        kept = ~np.isin(self.docs, docs, assume_unique=True)
        return Found(self.docs[kept], self.strengths[kept])


NOTHING: Final = Found(NONE, WEAK)


@dataclass(frozen=True, slots=True)
class Ranges:
    """Stretches of document numbers, in order and apart: `edges` are start, stop, start, stop …"""

    edges: Numbers

    @classmethod
    def of(cls, pairs: Sequence[tuple[int, int]]) -> "Ranges":
        """Of (start, stop) in any order; empty ones are left out, and what overlaps is joined."""
        edges: list[int] = []
        for start, stop in sorted(pair for pair in pairs if pair[0] < pair[1]):
            if edges and start <= edges[-1]:
                edges[-1] = max(edges[-1], stop)
            else:
                edges += [start, stop]
        return cls(np.array(edges, np.int64))

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """(start, stop) of each."""
        flat = self.edges.tolist()
        return list(zip(flat[::2], flat[1::2], strict=True))


def joined(parts: Sequence[Found]) -> Found:
    """All parts, one after the other."""
    if not parts:
        return NOTHING
    return Found(np.concatenate([part.docs for part in parts]), np.concatenate([part.strengths for part in parts]))


def united(parts: Sequence[Found], *, sorted_: bool = True) -> Found:
    """Documents that are in any part, with their greatest strength; `sorted_`: each part is in order."""
    parts = [part for part in parts if len(part.docs)]
    if not sorted_:
        return _sorted(joined(parts))
    runs = _runs(parts)
    if len(runs) < 2:
        return parts[0] if len(parts) == 1 else joined(parts)
    stop = max(int(run[-1].docs[-1]) + 1 for run in runs)
    return _tabled(runs, stop) if stop < DENSE * sum(len(part.docs) for part in parts) else _sorted(joined(parts))


def _runs(parts: Sequence[Found]) -> list[list[Found]]:
    """The same in runs, each of which is in order: the pieces of one term are."""
    runs: list[list[Found]] = []
    for part in parts:
        if not runs or runs[-1][-1].docs[-1] >= part.docs[0]:
            runs.append([])
        runs[-1].append(part)
    return runs


def _tabled(runs: Sequence[Sequence[Found]], stop: int) -> Found:
    tables = np.zeros((len(runs), stop), np.uint8)
    for table, run in zip(tables, runs, strict=True):
        for part in run:
            table[part.docs] = part.strengths
    greatest = np.maximum.reduce(tables)
    docs = np.flatnonzero(greatest != 0)  # a strength is 1 at least
    return Found(docs, greatest[docs])


def _sorted(found: Found) -> Found:
    packed = (found.docs << BITS) | found.strengths  # sorted as one, which is faster than by an order of indices
    packed.sort(kind="stable")
    docs = packed >> BITS
    last = np.append(docs[1:] != docs[:-1], True)[: len(docs)]
    return Found(docs[last], (packed[last] & (2**BITS - 1)).astype(np.uint8))


def common(parts: Sequence[Found], weights: Sequence[int]) -> Found:
    """Documents that are in every part; their strengths add up, each part's times its weight."""
    order = sorted(range(len(parts)), key=lambda number: len(parts[number].docs))
    docs = parts[order[0]].docs
    total = parts[order[0]].strengths.astype(np.int32) * np.int32(weights[order[0]])
    for number in order[1:]:
        if not len(docs):
            return NOTHING
        strengths = _looked_up(parts[number], docs)
        both = strengths != 0
        docs, total = docs[both], total[both] + strengths[both].astype(np.int32) * np.int32(weights[number])
    return Found(docs, total)


def _looked_up(part: Found, docs: Numbers) -> Strengths:
    """How strong these documents, which are in order, are in `part`; 0 where they aren't in it."""
    if len(part.docs) < DENSE * len(docs):
        table = np.zeros(max(int(part.docs[-1]), int(docs[-1])) + 1, part.strengths.dtype)
        table[part.docs] = part.strengths
        return table[docs]
    places = np.minimum(np.searchsorted(part.docs, docs), len(part.docs) - 1)
    return np.where(part.docs[places] == docs, part.strengths[places], 0)


def best(found: Found, size: int) -> Found:
    """The `size` strongest, strongest first; of equal ones the last document first."""
    if len(found.docs) > size:
        edge = np.partition(found.strengths, len(found.docs) - size)[len(found.docs) - size]
        above, level = np.flatnonzero(found.strengths > edge), np.flatnonzero(found.strengths == edge)
        kept = np.concatenate([above, level[len(level) - (size - len(above)) :]])
        found = Found(found.docs[kept], found.strengths[kept])
    order = np.lexsort((-found.docs, -found.strengths.astype(np.int32)))
    return Found(found.docs[order], found.strengths[order])
