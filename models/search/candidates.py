"""Candidates: the documents of a segment that hold every needle, with their scores; all in arrays, nothing read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.int64]

BITS: Final = 8
"""Of a strength, as postings hold it."""
NONE: Final[Numbers] = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Found:
    """Documents in order, each with a strength."""

    docs: Numbers
    strengths: Numbers

    def within(self, ranges: "Ranges") -> "Found":
        """Those in `ranges`: slices, as documents are in order."""
        slices = self._slices(ranges)
        if len(slices) == 1:
            return Found(self.docs[slices[0]], self.strengths[slices[0]])
        parts = [(self.docs[each], self.strengths[each]) for each in slices]
        return Found(_joined([docs for docs, _ in parts]), _joined([some for _, some in parts]))

    def count(self, ranges: "Ranges") -> int:
        """How many are in `ranges`."""
        return sum(each.stop - each.start for each in self._slices(ranges))

    def _slices(self, ranges: "Ranges") -> list[slice]:
        bounds = np.searchsorted(self.docs, ranges.edges).tolist()
        return [slice(start, stop) for start, stop in zip(bounds[::2], bounds[1::2], strict=True)]

    def without(self, docs: Numbers) -> "Found":
        """Those that are none of `docs`."""
        kept = ~np.isin(self.docs, docs, assume_unique=True)
        return Found(self.docs[kept], self.strengths[kept])


NOTHING: Final = Found(NONE, NONE)


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


def _joined(parts: Sequence[Numbers]) -> Numbers:
    return np.concatenate([*parts, NONE])


def united(parts: Sequence[Found], *, sorted_: bool = True) -> Found:
    """Documents that are in any part, with their greatest strength; `sorted_`: each part is in order."""
    parts = [part for part in parts if len(part.docs)]
    if not parts or (len(parts) == 1 and sorted_):
        return parts[0] if parts else NOTHING
    docs = np.concatenate([part.docs for part in parts])
    strengths = np.concatenate([part.strengths for part in parts])
    if sorted_ and bool(np.all(docs[1:] > docs[:-1])):  # pieces of one term
        return Found(docs, strengths)
    packed = (docs << BITS) | strengths  # sorted as one, which is several times as fast as by an order of indices
    packed.sort(kind="stable")
    docs = packed >> BITS
    last = np.append(docs[1:] != docs[:-1], True)
    return Found(docs[last], packed[last] & (2**BITS - 1))


def common(parts: Sequence[Found], weights: Sequence[int]) -> Found:
    """Documents that are in every part; their strengths add up, each part's times its weight."""
    order = sorted(range(len(parts)), key=lambda number: len(parts[number].docs))
    docs = parts[order[0]].docs
    total = parts[order[0]].strengths * weights[order[0]]
    for number in order[1:]:
        part = parts[number]
        if not len(docs) or not len(part.docs):
            return NOTHING
        places = np.minimum(np.searchsorted(part.docs, docs), len(part.docs) - 1)
        both = part.docs[places] == docs
        docs, total = docs[both], total[both] + part.strengths[places[both]] * weights[number]
    return Found(docs, total)


def best(found: Found, size: int) -> Found:
    """The `size` strongest, strongest first; of equal ones the last document first."""
    if len(found.docs) > size:
        edge = np.partition(found.strengths, len(found.docs) - size)[len(found.docs) - size]
        above, level = np.flatnonzero(found.strengths > edge), np.flatnonzero(found.strengths == edge)
        kept = np.concatenate([above, level[len(level) - (size - len(above)) :]])
        found = Found(found.docs[kept], found.strengths[kept])
    order = np.lexsort((-found.docs, -found.strengths))
    return Found(found.docs[order], found.strengths[order])
