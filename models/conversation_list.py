"""Lists of conversations, newest change first or by start: each scope on an index, merged in order."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Final, TypeVar

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

T = TypeVar("T")

_Read = tuple[list[Record], Place | None]
"""Conversations in order, and how far was read where something is left to read."""


async def list_conversations(
    db: AsyncDatabase[Record], scopes: Sequence[Scope], wanted: ConversationFilter, request: ListRequest
) -> ListPage:
    """The conversations that lie in any of `scopes`, and are `wanted`.

    A page may come short, or empty, where what is wanted is rare in a large scope: `ListPage.reached` then says where
    to go on.
    """
    reads = await _Reading(db, wanted, request).run(scopes)
    found: dict[PydanticObjectId, Conversation] = {}
    for record in (record for records, _ in reads for record in records):
        found.setdefault(record["_id"], Conversation.model_validate(record))
    upwards = request.direction > 0
    ordered = sorted(found.values(), key=lambda each: place(each, request.order), reverse=not upwards)
    stops = [reached for _, reached in reads if reached]
    stop = (min if upwards else max)(stops, default=None)
    if stop is not None:  # what lies beyond may have others before it
        ordered = [
            each
            for each in ordered
            if (place(each, request.order) <= stop if upwards else place(each, request.order) >= stop)
        ]
    page = ordered[: request.size]
    return ListPage(
        page[::-1] if request.backwards else page,
        len(ordered) > request.size or stop is not None,
        stop if len(ordered) <= request.size else None,
    )


class _Reading:
    """Of one request."""

    def __init__(self, db: AsyncDatabase[Record], wanted: ConversationFilter, request: ListRequest) -> None:
        self._db = db
        self._wanted = wanted
        self._request = request
        self._choice = Choice(db, wanted, request)
        self._turn = asyncio.Semaphore(AT_ONCE)

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
        apart: Iterable[str | None] = tags if tags is not None and len(scopes) * len(tags) <= MOST_SOURCES else [None]
        chosen = await asyncio.gather(
            *(self._in_turn(partial(self._choice.source, scope, tag)) for scope in scopes for tag in apart)
        )
        sources = list({source.key: source for source in chosen if source}.values())
        budget = max(LEAST_BUDGET, BUDGET // max(1, len(sources)))
        return await asyncio.gather(*(self._in_turn(partial(self._read, source, budget)) for source in sources))

    async def _in_turn(self, work: Callable[[], Awaitable[T]]) -> T:
        async with self._turn:
            return await work()

    async def _read(self, source: Source, budget: int) -> _Read:
        if source.whole:
            return await self._whole(source), None
        span = source.span
        walk = Walk(source.line, span.first, span.end, source.wanted, self._need, budget, span.beyond)
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
