"""Which terms a list goes by: of those that all that is wanted has, the one that the fewest conversations have."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.list_terms import EVERY, archived_term, attribute_term, grams, grantee_term, tag_term
from models.listing.lines import Line
from models.listing.request import ConversationFilter, ListRequest, Scope
from models.listing.spans import Span, ordered_span, started_span
from models.listing.starts import MANY, Starts

MOST_TERMS: Final = 6
"""Compared for one scope: each costs up to two calls."""
MOST_GRAMS: Final = 3
"""Of a title's pieces so many are compared."""
FEW: Final = 32
"""Marks of the first level that a set may have to be sorted as a whole: some 1,000 conversations."""
COUNTED: Final = MANY
ENOUGH: Final = 4
"""Marks by which lines are compared: the farther the last one, the rarer."""
ATTRIBUTES: Final = "attributes."


@dataclass(frozen=True, slots=True)
class Source:
    """A line, which part of it is wanted, and whether it is `whole`: read at once, and sorted by what is asked for."""

    line: Line
    span: Span
    wanted: Sequence[Record]
    whole: bool = False

    @property
    def key(self) -> str:
        """The same for sources that read the same."""
        return repr((self.line.equal, self.line.field, self.line.terms, self.line.time, self.wanted))


@dataclass(frozen=True, slots=True)
class Choice:
    """Of one request."""

    db: AsyncDatabase[Record]
    wanted: ConversationFilter
    request: ListRequest
    starts: Starts

    async def source(self, scope: Scope, tag: str | None) -> Source | None:
        """The way into that scope, or into what of it has that tag; None where nothing can be there."""
        owners = [each for each in (scope.equal.get("owner_id"), self.wanted.owner_id) if each is not None]
        span, started = ordered_span(self.wanted, self.request), started_span(self.wanted, self.request.direction)
        if (owners[1:] and owners[0] != owners[1]) or span is None or started is None:
            return None
        equal, time = ({"owner_id": owners[0]} if owners else {}), self.request.order.field
        tests: list[Record] = [test for test in (dict(scope.where), self.wanted.query, *self.request.between) if test]
        lines = [self._line(equal, term, time) for term in islice(self._terms(scope, tag), MOST_TERMS)]
        lines = lines or [self._line(equal, EVERY, time)]
        titles = self._titles()
        if few := await self._few([(lines[0], span), *by_start(lines[0], titles, started)]):
            return Source(*few, tests, whole=True)
        if time == "started_at":
            lines += titles
        return Source(await self._chosen(lines, span), span, tests)

    async def together(self, scopes: Sequence[Scope]) -> Source | None:
        """The way into all of those at once, which are of shares; None where that would be too many."""
        terms = tuple(grantee_term(scope.equal["grantees"]) for scope in scopes)
        line = replace(self._line({}, EVERY, self.request.order.field), terms=terms)
        tests: list[Record] = [{"deleted": self.request.deleted}, {"$or": [dict(scope.where) for scope in scopes]}]
        tests += [test for test in (self.wanted.query, *self.request.between) if test]
        everything = Span(None, None, None)
        return Source(line, everything, tests, whole=True) if await is_few(line, everything, self.starts) else None

    async def _few(self, parts: Sequence[tuple[Line, Span]]) -> tuple[Line, Span] | None:
        """The first that is few enough to be read as a whole; nothing is looked up for a list that needs none."""
        if len(parts) == 1:
            return None
        few = await asyncio.gather(*(is_few(*part, self.starts) for part in parts))
        return next((part for part, is_ in zip(parts, few, strict=True) if is_), None)

    def _terms(self, scope: Scope, tag: str | None) -> Iterator[str]:
        """Those that everything in the scope has that is wanted, the likely rare ones first."""
        if tag is not None:
            yield tag_term(tag)
        named = [(each.name, each.value) for each in self.wanted.attributes]
        named += [
            (name[len(ATTRIBUTES) :], value) for name, value in scope.equal.items() if name.startswith(ATTRIBUTES)
        ]
        for name, value in named:
            if "." not in name and (term := attribute_term(name, value)):
                yield term
        if isinstance(grantee := scope.equal.get("grantees"), str):
            yield grantee_term(grantee)
        yield from map(tag_term, self.wanted.tags_all or ())
        if self.wanted.archived is not None:
            yield archived_term(self.wanted.archived)

    def _titles(self) -> list[Line]:
        """Of all owners: a title's pieces are too many to be in an index for each of them."""
        pieces = grams(self.wanted.title_key)
        chosen = pieces[:: max(1, -(-len(pieces) // MOST_GRAMS))]
        return [replace(self._line({}, piece, "started_at"), field="title_terms") for piece in chosen]

    def _line(self, equal: Record, term: str, time: str) -> Line:
        return Line(self.db, equal, "terms", (term,), time, self.request.deleted, self.request.direction)

    async def _chosen(self, lines: Sequence[Line], span: Span) -> Line:
        line = lines[0] if len(lines) == 1 else self.starts.chosen(lines)
        if line is None:
            line = await self._rarest(lines, span)
            self.starts.choose(lines, line)
        return line

    async def _rarest(self, lines: Sequence[Line], span: Span) -> Line:
        """By the smallest sample that tells them apart."""
        for level in range(self.starts.top, 0, -1):
            most = ENOUGH if level > 1 else COUNTED
            found = await asyncio.gather(*(line.marks(level, span.first, span.end, most) for line in lines))
            if level == 1 and span.is_open:
                for line, marks in zip(lines, found, strict=True):
                    self.starts.note(line, len(marks), None)
            fewest = min(map(len, found))
            sparse = [(marks, line) for marks, line in zip(found, lines, strict=True) if len(marks) == fewest]
            if fewest >= ENOUGH and level > 1:
                return max(sparse, key=lambda each: each[0][-1] * each[1].direction)[1]
            lines = [line for _, line in sparse]
            if len(lines) == 1:
                break
        return lines[0]


def by_start(line: Line, titles: Sequence[Line], span: Span) -> Iterator[tuple[Line, Span]]:
    """What is wanted in the order of starts: if it is few, it can be sorted in any other."""
    yield from ((title, span) for title in titles)
    if line.time != "started_at" and not span.is_open:
        yield replace(line, time="started_at"), span


async def is_few(line: Line, span: Span, starts: Starts) -> bool:
    """Whether that part of the line is short enough to be read as a whole."""
    start = starts.of(line) if span.is_open else None
    if start and (start.edge is not None or start.level != 1):
        return start.level == 0 and start.edge is None
    marks = 0
    for level in range(1 if start else starts.top, 1, -1):
        if len(await line.marks(level, span.first, span.end, 2)) > 1:
            marks = FEW
            break
    marks = marks or len(await line.marks(1, span.first, span.end, FEW))
    if span.is_open:
        starts.note(line, marks if marks < FEW else MANY, None)
    return marks < FEW


def only_shared(scope: Scope) -> bool:
    """Whether the scope is one of a share, and nothing else in it has an index."""
    return isinstance(scope.equal.get("grantees"), str) and "owner_id" not in scope.equal
