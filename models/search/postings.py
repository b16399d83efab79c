"""Postings: which documents of a segment hold a term, and how strongly; packed into pages of bounded size.

A page holds consecutive (term, documents) entries, columns side by side: counts, lengths of the terms, gaps between
documents in a byte each (255: the gap is among the exceptions), exceptions, impacts, the terms. A frequent term goes
on over many pages, each of which begins with a whole document number, so any stretch of them is read by itself.
"""

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Docs: TypeAlias = NDArray[np.int64]
Impacts: TypeAlias = NDArray[np.uint8]

PAGE_BYTES: Final = 32 * 1024
PIECE: Final = 8_000
"""Most documents of one term in one page."""
ESCAPE: Final = 255
_HEAD: Final = struct.Struct("<IIII")  # entries, documents, exceptions, bytes of terms


@dataclass(frozen=True, slots=True)
class Postings:
    """`terms` in order; the first has the first `counts[0]` documents, and so on; each term's documents in order."""

    terms: Sequence[bytes]
    counts: NDArray[np.int64]
    docs: Docs
    impacts: Impacts


class Mark(NamedTuple):
    """Where a page begins."""

    term: bytes
    doc: int


def paged(postings: Postings) -> Iterator[tuple[Mark, bytes]]:
    """The pages of `postings`, and where each begins."""
    batch: list[tuple[bytes, int]] = []
    first = position = size = 0
    for term, count in _pieces(postings):
        batch.append((term, count))
        position += count
        size += len(term) + 3 + 4 * min(count, 4) + 2 * count
        if size >= PAGE_BYTES:
            yield _page(postings, batch, first, position)
            batch, first, size = [], position, 0
    if batch:
        yield _page(postings, batch, first, position)


def _pieces(postings: Postings) -> Iterator[tuple[bytes, int]]:
    for term, count in zip(postings.terms, postings.counts.tolist(), strict=True):
        for start in range(0, count, PIECE):
            yield term, min(PIECE, count - start)


def _page(postings: Postings, batch: Sequence[tuple[bytes, int]], first: int, stop: int) -> tuple[Mark, bytes]:
    terms = [term for term, _ in batch]
    counts = np.array([count for _, count in batch], np.int64)
    docs = postings.docs[first:stop]
    starts = np.cumsum(counts) - counts
    gaps = np.diff(docs, prepend=0)
    gaps[starts] = docs[starts]
    far = gaps >= ESCAPE
    exceptions = gaps[far].astype("<u4")
    gaps[far] = ESCAPE
    blob = b"".join(terms)
    parts = [
        _HEAD.pack(len(terms), len(docs), len(exceptions), len(blob)),
        counts.astype("<u2").tobytes(),
        bytes(map(len, terms)),
        gaps.astype(np.uint8).tobytes(),
        exceptions.tobytes(),
        postings.impacts[first:stop].tobytes(),
        blob,
    ]
    return Mark(terms[0], int(docs[0])), b"".join(parts)


class Page:
    """A page as it is read: nothing is unpacked before it is asked for."""

    def __init__(self, data: bytes) -> None:
        entries, docs, exceptions, _ = _HEAD.unpack_from(data)
        at = _HEAD.size
        self._counts = np.frombuffer(data, "<u2", entries, at)
        at += 2 * entries
        self._lengths = np.frombuffer(data, np.uint8, entries, at)
        at += entries
        self._gaps = np.frombuffer(data, np.uint8, docs, at)
        at += docs
        self._exceptions = np.frombuffer(data, "<u4", exceptions, at)
        at += 4 * exceptions
        self._impacts = np.frombuffer(data, np.uint8, docs, at)
        self._data = data
        self._blob = at + docs

    @property
    def size(self) -> int:
        """As it lies in memory, once it was looked into."""
        return len(self._data) + 12 * len(self._counts)

    @cached_property
    def _edges(self) -> memoryview:
        """Where each term begins, and the last one ends. A view gives plain numbers, which an array takes long to."""
        edges = np.full(len(self._lengths) + 1, self._blob, np.uint32)
        edges[1:] += np.cumsum(self._lengths, dtype=np.uint32)
        return edges.data

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        """The first document of each term."""
        counts = self._counts.astype(np.int64)
        starts: NDArray[np.int64] = np.cumsum(counts) - counts
        return starts

    @property
    def _term(self) -> Callable[[int], bytes]:
        """Gives the term of an entry; a search for one asks for ten, so it looks up nothing."""
        data, edges = self._data, self._edges
        return lambda number: data[edges[number] : edges[number + 1]]

    def between(self, low: bytes, high: bytes) -> tuple[Docs, Impacts] | None:
        """The documents of the terms from `low` to `high`, which is included; a term's documents in order."""
        entries, term = range(len(self._counts)), self._term
        first = bisect_left(entries, low, key=term)
        if low < high:
            last = bisect_right(entries, high, first, key=term)
        else:  # it stands there once as a rule, or not at all; again where a frequent one goes on
            last = next((number for number in entries[first:] if term(number) != low), len(entries))
        if first == last:
            return None
        start, stop = int(self._starts[first]), int(self._starts[last - 1]) + int(self._counts[last - 1])
        return self._docs(start, stop, first, last), self._impacts[start:stop]

    def all(self) -> Postings:
        """Everything in it. None of the terms twice: a term's pieces lie in pages of their own or at a page's edge."""
        terms = list(map(self._term, range(len(self._counts))))
        docs = self._docs(0, len(self._gaps), 0, len(terms))
        return Postings(terms, self._counts.astype(np.int64), docs, self._impacts)

    def _docs(self, start: int, stop: int, low: int, high: int) -> Docs:
        gaps = self._wide(start, stop)
        sums: Docs = np.cumsum(gaps, dtype=np.int64)
        if high - low == 1:  # it begins with a whole number
            return sums
        starts = self._starts[low:high] - start
        base = sums[starts] - gaps[starts]
        return sums - np.repeat(base, self._counts[low:high])

    def _wide(self, start: int, stop: int) -> NDArray[np.uint8] | Docs:
        """The gaps, with those that don't fit in a byte."""
        raw = self._gaps[start:stop]
        if not len(self._exceptions):
            return raw
        far = np.flatnonzero(raw == ESCAPE)
        if not len(far):
            return raw
        gaps = raw.astype(np.int64)
        skipped = int(np.count_nonzero(self._gaps[:start] == ESCAPE))
        gaps[far] = self._exceptions[skipped : skipped + len(far)]
        return gaps


def touched(marks: Sequence[Mark], low: bytes, high: bytes, start: int, stop: int) -> range:
    """Which pages, given where each begins, may hold documents `start <= doc < stop` of terms `low` to `high`."""
    first = max(bisect_right(marks, Mark(low, start)) - 1, 0)
    return range(first, bisect_left(marks, Mark(high, stop)))
