"""Ranking: the candidates of all segments in one order, strongest first, read as far as they are asked for."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from models.search.candidates import NONE, NOTHING, WEAK, Found, Numbers, Ranges, best, common, united
from models.search.documents import EVERYTHING, DocumentPage, MessageKey, Stretch, page_of
from models.search.documents import PAGE as DOCUMENTS
from models.search.postings import Page, touched
from models.search.query import Query
from models.search.reach import MessageFilter, Reach, Span
from models.search.reader import Reader
from models.search.segments import Segment

MOST_PAGES: Final = 1_500
"""Pages of postings that a request looks at, of 32 KiB each: of a larger index only the newest part is searched."""
PRECISION: Final = 64
"""Steps to a natural logarithm in a weight: whole numbers add up to the same, whatever their order."""
HEAVIEST: Final = 2**16 - 1


class Place(NamedTuple):
    """A place in a ranking: weights of the needles, and the score and key of the candidate there."""

    weights: tuple[int, ...]
    score: int
    key: bytes


class Candidate(NamedTuple):
    """A message that may match. Those with a greater score come first, then those with the greater key."""

    score: int
    key: bytes

    @property
    def message(self) -> MessageKey:
        """Which it is."""
        return MessageKey.unpack(self.key)


@dataclass(frozen=True, slots=True)
class _Needles:
    """Alternatives of spans of terms: a document must have one of each of `wanted`, and none of `unwanted`.

    The first `scored` of them count for the score.
    """

    wanted: Sequence[Sequence[Span]]
    unwanted: Sequence[Sequence[Span]]
    scored: int

    @classmethod
    def of(cls, query: Query, wanted: MessageFilter) -> "_Needles":
        words = [[(term, term) for term in sorted(needle)] for needle in query.needles]
        single = [clause.needles[0] for clause in query.unwanted if len(clause.units) == 1]
        unwanted = [[(term, term) for term in sorted(needle)] for needle in single]
        return cls([*words, *([span] for span in wanted.spans)], unwanted, len(words))

    @property
    def spans(self) -> Iterator[Span]:
        for needle in (*self.wanted, *self.unwanted):
            yield from needle


@dataclass(slots=True)
class _Part:
    """What is looked at of a segment."""

    segment: Segment
    ranges: Ranges
    own: Ranges
    held: list[Found] = field(default_factory=list)
    excluded: Numbers = field(default_factory=lambda: NONE)
    scored: Found = NOTHING
    _pages: dict[Span, Sequence[str]] = field(default_factory=dict)

    def pages(self, span: Span) -> Sequence[str]:
        """Pages of postings that may hold something of `span` in the ranges, in order."""
        if span not in self._pages:
            found = [touched(self.segment.marks, *span, start, stop) for start, stop in self.ranges.pairs]
            numbers = found[0] if len(found) == 1 else sorted(set().union(*found))
            self._pages[span] = [self.segment.posting_page(number) for number in numbers]
        return self._pages[span]

    def collect(self, needles: _Needles, pages: Mapping[str, Page]) -> None:
        """Take the postings out of the pages."""
        self.held = [self._found(needle, pages) for needle in needles.wanted]
        without = [self._found(needle, pages).docs for needle in needles.unwanted]
        self.excluded = np.unique(np.concatenate(without)) if without else NONE

    def score(self, weights: Sequence[int]) -> None:
        """Documents that have all needles, with their scores."""
        found = common(self.held, weights)
        self.scored = found.without(self.excluded) if len(self.excluded) else found

    def _found(self, needle: Sequence[Span], pages: Mapping[str, Page]) -> Found:
        there = (pages[id_].between(*span) for span in needle for id_ in self.pages(span))
        parts = [Found(*each) for each in there if each]
        return united(parts, sorted_=all(low == high for low, high in needle)).within(self.ranges)


class Ranking:
    """Of one request."""

    def __init__(
        self, reader: Reader, parts: Sequence[_Part], needles: _Needles, *, complete: bool, anybodys: bool = False
    ) -> None:
        self._reader = reader
        self._parts = parts
        self._needles = needles
        self.complete = complete
        self.anybodys = anybodys
        """Whether candidates may be of whoever wrote something, and not of the caller's reach alone."""
        self.weights = self._weighed()
        self._scored_by: tuple[int, ...] | None = None

    @classmethod
    async def of(
        cls, reader: Reader, segments: Sequence[Segment], reach: Reach, query: Query, wanted: MessageFilter
    ) -> "Ranking":
        """Read what is needed of the postings."""
        needles = _Needles.of(query, wanted)
        stretches = await reach.stretches(reader.db, wanted)
        parts = await _parts(reader, segments, stretches, Stretch.of(reach.user_id.binary))
        chosen, ids, complete = _affordable(parts, needles)
        pages = await reader.postings.get(reader.db, ids)
        for part in chosen:
            part.collect(needles, pages)
        return cls(reader, chosen, needles, complete=complete, anybodys=EVERYTHING in stretches)

    async def next(self, weights: tuple[int, ...], after: Place | None, size: int) -> tuple[list[Candidate], bool]:
        """Up to `size` candidates after that place, and whether there are more."""
        self._score(weights)
        left = await self._after(after) if after else [part.scored for part in self._parts]
        firsts = [best(found, size) for found in left]
        strengths = np.concatenate([found.strengths for found in firsts] or [WEAK])
        if not len(strengths):
            return [], False
        edge = int(np.partition(strengths, max(len(strengths) - size, 0))[max(len(strengths) - size, 0)])
        kept = [Found(f.docs[f.strengths >= edge], f.strengths[f.strengths >= edge]) for f in firsts]
        candidates = await self._named(kept)
        ranked = sorted(set(candidates), reverse=True)
        return ranked[:size], len(strengths) >= size

    def _weighed(self) -> tuple[int, ...]:
        """BM25's idf of each needle among the caller's own messages: others' must not show in any figure."""
        own = sum(stop - start for part in self._parts for start, stop in part.own.pairs)
        counts = [
            sum(part.held[number].count(part.own) for part in self._parts) for number in range(self._needles.scored)
        ]
        rarities = [math.log(1 + (max(own - count, 0) + 0.5) / (count + 0.5)) for count in counts]
        return tuple(min(max(1, round(PRECISION * rarity)), HEAVIEST) for rarity in rarities)

    def _score(self, weights: tuple[int, ...]) -> None:
        if weights != self._scored_by:
            unscored = [0] * (len(self._needles.wanted) - self._needles.scored)
            for part in self._parts:
                part.score([*weights, *unscored])
            self._scored_by = weights

    async def _after(self, place: Place) -> list[Found]:
        pages = [part.segment.document_page(page_of(part.segment.key_firsts, place.key)) for part in self._parts]
        read = await self._reader.documents.get(self._reader.db, pages)
        left = []
        for part, id_ in zip(self._parts, pages, strict=True):
            bound = _bound(part.segment, read[id_], place.key)
            found = part.scored
            later = (found.strengths < place.score) | ((found.strengths == place.score) & (found.docs < bound))
            left.append(Found(found.docs[later], found.strengths[later]))
        return left

    async def _named(self, found: Sequence[Found]) -> list[Candidate]:
        """The same with the messages' keys."""
        wanted = [
            (part.segment.document_page(doc // DOCUMENTS), doc % DOCUMENTS, strength)
            for part, some in zip(self._parts, found, strict=True)
            for doc, strength in zip(some.docs.tolist(), some.strengths.tolist(), strict=True)
        ]
        pages = await self._reader.documents.get(self._reader.db, [id_ for id_, _, _ in wanted])
        return [Candidate(strength, bytes(pages[id_].keys[place]).ljust(36, b"\0")) for id_, place, strength in wanted]


async def _parts(reader: Reader, segments: Sequence[Segment], wanted: Sequence[Stretch], own: Stretch) -> list[_Part]:
    """Segments with the stretches of documents that `wanted` names, if there are any."""
    bounds = [*wanted, own]
    ids = {
        segment.document_page(page_of(segment.key_firsts, key))
        for segment in segments
        for stretch in bounds
        if stretch != EVERYTHING
        for key in stretch
    }
    pages = await reader.documents.get(reader.db, ids)
    parts = []
    for segment in segments:
        pairs = [_within(segment, pages, stretch) for stretch in bounds]
        ranges = Ranges.of(pairs[:-1])
        start, stop = pairs[-1]
        own_pairs = [(max(start, low), min(stop, high)) for low, high in ranges.pairs]
        if ranges.pairs:
            parts.append(_Part(segment, ranges, Ranges.of(own_pairs)))
    return parts


def _within(segment: Segment, pages: Mapping[str, DocumentPage], stretch: Stretch) -> tuple[int, int]:
    """The numbers of its documents: from the first to before the second."""
    if stretch == EVERYTHING:
        return 0, segment.documents
    low, high = (
        _bound(segment, pages[segment.document_page(page_of(segment.key_firsts, key))], key) for key in stretch
    )
    return low, high


def _bound(segment: Segment, page: DocumentPage, key: bytes) -> int:
    """The number of the first document that isn't below `key`; `page` is where that is found."""
    return page_of(segment.key_firsts, key) * DOCUMENTS + int(page.keys.searchsorted(np.bytes_(key)))


def _affordable(parts: Sequence[_Part], needles: _Needles) -> tuple[list[_Part], list[str], bool]:
    """Parts, newest first, as far as their pages may be read; ids of the pages; whether that is all."""
    ids: list[str] = []
    for number, part in enumerate(parts):
        pages = {id_ for span in needles.spans for id_ in part.pages(span)}
        if ids and len(ids) + len(pages) > MOST_PAGES:
            return list(parts[:number]), ids, False
        ids += sorted(pages)
    return list(parts), ids, True
