"""Lists of conversations, newest change first or by start: each scope on an index, merged in order."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.conversation import Conversation
from models.database import Record
from models.listing.choice import Choice, Source, only_shared
from models.listing.lines import EPOCH, LAST_ID, MILLISECOND, matching
from models.listing.request import (
    Attribute,
    ConversationFilter,
    ConversationOrder,
    ListPage,
    ListRequest,
    Place,
    Scope,
    place,
)
from models.listing.starts import Starts
from models.listing.walk import Walk

__all__ = [
    "Attribute",
    "ConversationFilter",
    "ConversationOrder",
    "ListPage",
    "ListRequest",
    "Place",
    "Scope",
    "list_conversations",
    "place",
]

BUDGET: Final = 384
"""Marks that one request passes at most, of some 32 conversations each, through all its scopes together."""
LEAST_BUDGET: Final = 16
"""Of one scope."""
MOST_SOURCES: Final = 64
"""Scopes times tags of which one is enough: beyond, a tag is looked for among what other terms find."""
AT_ONCE: Final = 8
"""Scopes that are read beside each other."""
NAMED: Final = 1_000
"""Conversations asked for by id in one call."""

_Read = tuple[list[Record], Place | None]
"""Conversations in order, and how far was read where something is left to read."""


async def list_conversations(
    db: AsyncDatabase[Record],
    scopes: Sequence[Scope],
    wanted: ConversationFilter,
    request: ListRequest,
    starts: Starts | None = None,
) -> ListPage:
    """The conversations that lie in any of `scopes`, and are `wanted`.

    A page may come short, or empty, where what is wanted is rare in a large scope: `ListPage.reached` then says where
    to go on. `starts` are what lists of that database were found to be like before, if that is kept.
    """
    reads = await _Reading(db, wanted, request, starts or Starts()).run(scopes)
    found: dict[PydanticObjectId, Record] = {}
    for record in (record for records, _ in reads for record in records):
        found.setdefault(record["_id"], record)
    upwards, at = request.direction > 0, partial(_place, request.order.field)
    ordered = sorted(found.values(), key=at, reverse=not upwards)
    stops = [reached for _, reached in reads if reached]
    stop = (min if upwards else max)(stops, default=None)
    if stop is not None:  # what lies beyond may have others before it
        ordered = [each for each in ordered if (at(each) <= stop if upwards else at(each) >= stop)]
    page = [Conversation.model_validate(record) for record in ordered[: request.size]]
    return ListPage(
        page[::-1] if request.backwards else page,
        len(ordered) > request.size or stop is not None,
        stop if len(ordered) <= request.size else None,
    )


def _place(time: str, record: Record) -> Place:
    return Place(record[time], record["_id"])


class _Reading:
    """Of one request."""

    def __init__(
        self, db: AsyncDatabase[Record], wanted: ConversationFilter, request: ListRequest, starts: Starts
    ) -> None:
        self._db = db
        self._wanted = wanted
        self._request = request
        self._starts = starts.about(wanted)
        self._choice = Choice(db, wanted, request, self._starts)
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._begun: set[str] = set()

    async def run(self, scopes: Sequence[Scope]) -> list[_Read]:
        """Up to one more than the page holds, of each scope."""
        named = [scope for scope in scopes if scope.ids is not None]
        shared = [scope for scope in scopes if scope.ids is None and only_shared(scope)]
        others = [scope for scope in scopes if scope.ids is None and not only_shared(scope)]
        together, read, by_id = await asyncio.gather(
            self._together(shared), self._each(others), asyncio.gather(*map(self._named, named))
        )
        if together is None:
            read += await self._each(shared)
        return [*read, *((records, None) for records in (*by_id, together or []))]

    async def _together(self, shared: Sequence[Scope]) -> list[Record] | None:
        """All that was shared, where that is little; None where it isn't."""
        source = await self._choice.together(shared) if shared else None
        return await self._whole(source) if source else None if shared else []

    async def _each(self, scopes: Sequence[Scope]) -> list[_Read]:
        tags = self._wanted.tags_any
        apart: Sequence[str | None] = tags if tags is not None and len(scopes) * len(tags) <= MOST_SOURCES else [None]
        budget = max(LEAST_BUDGET, BUDGET // max(1, len(scopes) * len(apart)))
        return await asyncio.gather(*(self._in_turn(scope, tag, budget) for scope in scopes for tag in apart))

    async def _in_turn(self, scope: Scope, tag: str | None, budget: int) -> _Read:
        """What of that scope has that tag; nothing where it is read for another already."""
        async with self._turn:
            source = await self._choice.source(scope, tag)
            if source is None or source.key in self._begun:
                return [], None
            self._begun.add(source.key)
            return await self._read(source, budget)

    async def _read(self, source: Source, budget: int) -> _Read:
        if source.whole:
            return await self._whole(source), None
        span = source.span
        starts = self._starts
        walk = Walk(source.line, span.first, span.end, source.wanted, self._need, budget, span.beyond, starts=starts)
        await walk.run()
        stopped = not walk.ended and len(walk.found) < self._need
        return walk.found, _reached(walk) if stopped else None

    async def _whole(self, source: Source) -> list[Record]:
        span, order = source.span, self._request.order.field
        return await source.line.read(span.first, span.end, source.wanted, self._need, order)

    async def _named(self, scope: Scope) -> list[Record]:
        """Of the conversations that a scope names, each is looked up."""
        ids, request = scope.ids or [], self._request
        tests = [dict(scope.where), self._wanted.query, {"deleted": request.deleted}, *request.between]
        order = {request.order.field: request.direction, "_id": request.direction}
        found: list[Record] = []
        for start in range(0, len(ids), NAMED):
            query = {"_id": {"$in": ids[start : start + NAMED]}}
            found += await matching(self._db, query, [test for test in tests if test], order, self._need)
        return found

    @property
    def _need(self) -> int:
        return self._request.size + 1


def _reached(walk: Walk) -> Place:
    """The place beyond which `walk` has read nothing."""
    onwards = walk.line.direction
    at = walk.at or 0
    if walk.beyond is not None:
        return Place(EPOCH + at * MILLISECOND, PydanticObjectId(f"{walk.beyond:024x}"))
    # As if the last id of the instant before had been read.
    return Place(EPOCH + (at - onwards) * MILLISECOND, PydanticObjectId(f"{LAST_ID if onwards > 0 else 0:024x}"))
