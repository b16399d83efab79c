"""Merging: several segments become one, stretch by stretch of their terms, in bounded memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.search.documents import DocumentPage, Keys, Stretch
from models.search.postings import Page, Postings
from models.search.segments import Segment, SegmentWriter, read_pages

READ: Final = 32
"""Pages read in one call."""
GONE: Final = -1


class MissingPageError(Exception):
    """A segment was swept while it was read."""


async def merge(
    db: AsyncDatabase[Record], segments: Sequence[Segment], id_: str, drop: Sequence[Stretch] = ()
) -> Segment:
    """One segment `id_` of all messages in `segments`, oldest segment first, but those that `drop` covers.

    A message that is in several is taken from the newest.
    """
    writer = SegmentWriter(db, id_)
    read = [await _documents(db, segment) for segment in segments]
    keys, renumbered = await asyncio.to_thread(_united, read, drop)
    await writer.documents(keys)
    streams = [_Stream(db, segment, numbers) for segment, numbers in zip(segments, renumbered, strict=True)]
    while True:
        for stream in streams:
            await stream.fill()
        if not any(stream.terms for stream in streams):
            return await writer.close()
        taken = _stretch(streams)
        if any(len(each.terms) for each in taken):
            await writer.postings(await asyncio.to_thread(combined, taken))
        else:
            await _longest(streams)


async def _documents(db: AsyncDatabase[Record], segment: Segment) -> Keys:
    ids = [segment.document_page(number) for number in range(len(segment.key_firsts))]
    pages: list[DocumentPage] = []
    for start in range(0, len(ids), READ):
        found = await read_pages(db, ids[start : start + READ])
        pages += [DocumentPage(_held(found, id_)) for id_ in ids[start : start + READ]]
    return np.concatenate([page.keys for page in pages])


def _held(found: dict[str, bytes], id_: str) -> bytes:
    if id_ not in found:
        raise MissingPageError(id_)
    return found[id_]


def _united(read: Sequence[Keys], drop: Sequence[Stretch]) -> tuple[Keys, list[NDArray[np.int64]]]:
    """All documents in order, and for each segment the new number of each of its documents."""
    keys = np.concatenate(read)
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    kept = np.append(ordered[1:] != ordered[:-1], True)  # of equal ones the last
    for low, high in drop:
        kept[np.searchsorted(ordered, np.bytes_(low)) : np.searchsorted(ordered, np.bytes_(high), "right")] = False
    numbers = np.full(len(keys), GONE, np.int64)
    numbers[order[kept]] = np.arange(int(kept.sum()))
    ends = np.cumsum([len(each) for each in read])[:-1]
    return ordered[kept], np.split(numbers, ends)


@dataclass(slots=True)
class _Stream:
    """A segment's postings, renumbered, as far as they are read and not yet taken."""

    db: AsyncDatabase[Record]
    segment: Segment
    numbers: NDArray[np.int64]
    terms: list[bytes] = field(default_factory=list)
    _counts: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    _docs: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    _impacts: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))
    _next: int = 0
    _ahead: dict[str, bytes] = field(default_factory=dict)

    @property
    def more(self) -> bool:
        """Whether there are pages that were not read."""
        return self._next < len(self.segment.marks)

    async def fill(self) -> None:
        """Have something to take, if there is anything."""
        if not self.terms and self.more:
            await self.extend()

    async def extend(self) -> None:
        """Read one page more."""
        id_ = self.segment.posting_page(self._next)
        if id_ not in self._ahead:
            numbers = range(self._next, min(self._next + READ, len(self.segment.marks)))
            self._ahead = await read_pages(self.db, map(self.segment.posting_page, numbers))
        page = Page(_held(self._ahead, id_)).all()
        self._next += 1
        self.terms = [*self.terms, *page.terms]
        self._counts = np.concatenate([self._counts, page.counts])
        self._docs = np.concatenate([self._docs, self.numbers[page.docs]])
        self._impacts = np.concatenate([self._impacts, page.impacts])

    def take(self, before: bytes | None) -> Postings:
        """What is read of the terms below `before`; of all where it is None."""
        entries = len(self.terms) if before is None else int(np.searchsorted(_objects(self.terms), before))
        docs = int(self._counts[:entries].sum())
        taken = Postings(self.terms[:entries], self._counts[:entries], self._docs[:docs], self._impacts[:docs])
        self.terms = self.terms[entries:]
        self._counts, self._docs, self._impacts = self._counts[entries:], self._docs[docs:], self._impacts[docs:]
        return taken


def _objects(terms: Sequence[bytes]) -> NDArray[np.object_]:
    return np.array(terms, object)


def _stretch(streams: Sequence[_Stream]) -> list[Postings]:
    """What can be merged now: the terms of which nothing more will come."""
    ends = [stream.terms[-1] for stream in streams if stream.terms and stream.more]
    return [stream.take(min(ends) if ends else None) for stream in streams]


async def _longest(streams: Sequence[_Stream]) -> None:
    """A term goes on over whole pages: read on where it does."""
    end = min(stream.terms[-1] for stream in streams if stream.terms and stream.more)
    for stream in streams:
        if stream.more and stream.terms and stream.terms[-1] == end:
            await stream.extend()


def combined(parts: Sequence[Postings]) -> Postings:
    """Postings of the same documents' numbering, as one; documents that are `GONE` are left out."""
    terms = sorted({term for part in parts for term in part.terms})
    places = {term: place for place, term in enumerate(terms)}
    entries = np.concatenate(
        [np.repeat(np.array([places[term] for term in part.terms], np.int64), part.counts) for part in parts]
    )
    docs = np.concatenate([part.docs for part in parts])
    impacts = np.concatenate([part.impacts for part in parts])
    there = docs != GONE
    entries, docs, impacts = entries[there], docs[there], impacts[there]
    order = np.argsort((entries << 32) | docs, kind="stable")
    entries, docs, impacts = entries[order], docs[order], impacts[order]
    counts = np.bincount(entries, minlength=len(terms))
    held = np.flatnonzero(counts)
    return Postings([terms[place] for place in held.tolist()], counts[held], docs, impacts)
