"""Lists of conversations, newest change first or by start: each scope on an index, merged in order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.conversation import Conversation
from models.database import Record

MILLISECOND: Final = timedelta(milliseconds=1)
"""Times are stored in whole ones."""

INDEXED: Final = ("owner_id", "attributes.region")
"""Fields by which lists are indexed, the most selective first (`migrations.m0001_first_indexes`)."""


class ConversationOrder(StrEnum):
    """By which time, and which way."""

    UPDATED_DESC = "-updated_at"
    UPDATED_ASC = "updated_at"
    STARTED_DESC = "-started_at"
    STARTED_ASC = "started_at"

    @property
    def field(self) -> str:
        """The time that counts."""
        return self.value.lstrip("-")

    @property
    def descending(self) -> bool:
        """Whether the latest comes first."""
        return self.value.startswith("-")


class Place(NamedTuple):
    """Where a conversation stands in a list. Two at the same instant are told apart by their ids."""

    time: datetime
    id: PydanticObjectId


@dataclass(frozen=True, slots=True)
class Scope:
    """Conversations that `where` selects; `equal` are the `field: value` pairs which they all have."""

    equal: Mapping[str, Any]
    where: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ConversationFilter:
    """What a reader looks for; None doesn't matter."""

    owner_id: PydanticObjectId | None = None
    tags_all: Sequence[str] | None = None
    tags_any: Sequence[str] | None = None
    started_after: datetime | None = None
    started_before: datetime | None = None
    archived: bool | None = None
    title_contains: str | None = None

    @property
    def query(self) -> dict[str, Any]:
        """The same for MongoDB. No value becomes an operator or a pattern."""
        parts: list[dict[str, Any]] = []
        if self.owner_id is not None:
            parts.append({"owner_id": {"$eq": self.owner_id}})
        if self.tags_all is not None:
            parts += [{"tags": {"$eq": tag}} for tag in self.tags_all]
        if self.tags_any is not None:
            parts.append({"tags": {"$in": list(self.tags_any)}})
        if self.started_after is not None:
            parts.append({"started_at": {"$gt": self.started_after}})
        if self.started_before is not None:
            parts.append({"started_at": {"$lt": self.started_before}})
        if self.archived is not None:
            parts.append({"archived": {"$eq": self.archived}})
        if self.title_contains:
            found = {"$indexOfCP": [{"$ifNull": ["$title_key", ""]}, {"$literal": self.title_contains.casefold()}]}
            parts.append({"$expr": {"$gte": [found, 0]}})
        return {"$and": parts} if parts else {}


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page, in the list's order; `more` says whether others follow in the direction of reading."""

    conversations: Sequence[Conversation]
    more: bool


@dataclass(frozen=True, slots=True)
class ListRequest:
    """Up to `size` conversations after `after` and before `before`; the last of them when `backwards`."""

    order: ConversationOrder
    size: int
    after: Place | None = None
    before: Place | None = None
    backwards: bool = False
    deleted: bool = False
    """Whether deleted ones are listed instead of all others."""

    @property
    def direction(self) -> int:
        """The order of reading, as MongoDB's sort has it."""
        return -1 if self.order.descending != self.backwards else 1


async def list_conversations(
    db: AsyncDatabase[Record], scopes: Sequence[Scope], wanted: ConversationFilter, request: ListRequest
) -> ListPage:
    """The conversations that lie in any of `scopes`, and are `wanted`. One database call a scope."""
    found: dict[PydanticObjectId, Conversation] = {}
    for scope in scopes:
        cursor = await db.conversations.aggregate(_pipeline(scope, wanted, request))
        async for record in cursor:
            found.setdefault(record["_id"], Conversation.model_validate(record))
    ordered = sorted(found.values(), key=lambda each: place(each, request.order), reverse=request.direction < 0)
    page = ordered[: request.size]
    return ListPage(page[::-1] if request.backwards else page, len(ordered) > request.size)


def place(conversation: Conversation, order: ConversationOrder) -> Place:
    """Where `conversation` stands in that order."""
    return Place(getattr(conversation, order.field), conversation.id)


def _pipeline(scope: Scope, wanted: ConversationFilter, request: ListRequest) -> list[dict[str, Any]]:
    """First what an index answers, then the rest: the embedded server uses none that doesn't answer all of a match."""
    equal = dict(scope.equal) | ({"owner_id": wanted.owner_id} if wanted.owner_id is not None else {})
    field, direction = request.order.field, request.direction
    indexed: dict[str, Any] = {name: equal[name] for name in INDEXED if name in equal}
    indexed = dict(list(indexed.items())[:1]) | {"deleted": request.deleted}
    bounds, beyond = _bounds(field, request)
    if bounds:
        indexed[field] = bounds
    return [
        {"$match": indexed},
        {"$match": {"$and": [dict(scope.where), wanted.query, *beyond]}},
        {"$sort": {field: direction, "_id": direction}},
        {"$limit": request.size + 1},
    ]


def _bounds(field: str, request: ListRequest) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The times between the cursors for the index, and what tells conversations of the cursors' own instants apart."""
    bounds: dict[str, Any] = {}
    beyond: list[dict[str, Any]] = []
    for low, edge in _edges(request):
        if low:
            bounds["$gte"] = edge.time
        else:  # `$lte` on a field with others after it in the index loses its own bound on the embedded server
            bounds["$lt"] = edge.time + MILLISECOND
        operator = "$gt" if low else "$lt"
        same = {field: edge.time, "_id": {operator: edge.id}}
        beyond.append({"$or": [{field: {operator: edge.time}}, same]})
    return bounds, beyond


def _edges(request: ListRequest) -> Iterator[tuple[bool, Place]]:
    """(whether it is the lower bound, cursor)."""
    if request.after:
        yield not request.order.descending, request.after
    if request.before:
        yield request.order.descending, request.before
