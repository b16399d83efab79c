"""Whose messages a search may look at, and which of them it wants."""

from asyncio import gather
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from beanie import PydanticObjectId
from bson import ObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.bucket import MessageRole
from models.conversation import Conversation
from models.conversation_list import Scope
from models.database import Record
from models.search.documents import EVERYTHING, Stretch
from models.search.entries import of_author, of_model, of_role, of_week
from models.tree import Sight

Seen = Callable[[Conversation], Awaitable[Sight | None]]
"""What a caller sees of a conversation; None is all of it."""
Span = tuple[bytes, bytes]
"""Terms from the first to the second."""


MOST_NAMED: Final = 1_000
"""Conversations that a scope may name, or that are shared with one, and are then searched one by one."""

MOST_PARTLY: Final = 50
"""Conversations of which branches are shared that are searched in just these: what else is found in others is passed
over afterwards."""
BRANCH_SHARES: Final = {"$filter": {"input": "$shares", "as": "share", "cond": {"$gt": ["$$share.branch", None]}}}


async def everything(_: Conversation) -> None:
    """All of it is seen."""


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """What is wanted besides the query; None doesn't matter. `conversation` is one that the caller may read."""

    conversation: Conversation | None = None
    role: MessageRole | None = None
    author_id: PydanticObjectId | None = None
    llm_model: str | None = None
    tags_any: Sequence[str] | None = None
    after: datetime | None = None
    before: datetime | None = None

    @property
    def spans(self) -> list[Span]:
        """Of each a message has a term, if it passes; a time may be up to a week off."""
        terms = [
            *([of_role(self.role)] if self.role else ()),
            *([of_author(self.author_id)] if self.author_id else ()),
            *([of_model(self.llm_model)] if self.llm_model is not None else ()),
        ]
        spans = [(term, term) for term in terms]
        if self.after or self.before:
            low = of_week(self.after) if self.after else b"\x01w"
            spans.append((low, of_week(self.before) if self.before else b"\x01x"))
        return spans

    def passes(self, message: Mapping[str, Any]) -> bool:
        """Whether a stored message passes."""
        created, model = message["created_at"], (message.get("metadata") or {}).get("llm_model")
        return (
            (self.role is None or message["role"] == self.role.value)
            and (self.author_id is None or message.get("author_id") == self.author_id)
            and (self.llm_model is None or model == self.llm_model)
            and (self.after is None or created > self.after)
            and (self.before is None or created < self.before)
        )


@dataclass(frozen=True, slots=True)
class Reach:
    """What a caller may read, as filters on conversations: each sequence holds alternatives, an empty one is nothing.

    A message is in reach if its conversation matches one of each. `models` is needed too where it is asked for the
    model: it would otherwise tell what the caller may not see.
    """

    user_id: PydanticObjectId
    conversations: Sequence[Scope]
    messages: Sequence[Mapping[str, Any]]
    models: Sequence[Mapping[str, Any]]
    seen: Seen = everything
    """Of a conversation in reach, the messages that are."""
    seen_models: Seen = everything
    """The same, where it is asked for the model."""

    def __bool__(self) -> bool:
        return bool(self.conversations and self.messages)

    @property
    def whole(self) -> bool:
        """Whether all that anybody wrote is in reach: then nothing can be told by what is passed over."""
        return any(not each.where for each in self.conversations) and any(not each for each in self.messages)

    async def stretches(self, db: AsyncDatabase[Record], wanted: MessageFilter) -> list[Stretch]:
        """Stretches of messages that hold all that is in reach and wanted: owners', single conversations', or all."""
        if there := wanted.conversation:
            return _within(there, await self.seen(there))
        owners: set[ObjectId] = set()
        named: set[ObjectId] = set()
        shared: list[Scope] = []
        for scope in self.conversations:
            owner_id, ids = scope.equal.get("owner_id"), _named(scope.where)
            if isinstance(owner_id, ObjectId):
                owners.add(owner_id)
            elif ids is not None and len(named | ids) <= MOST_NAMED:
                named |= ids
            elif isinstance(scope.equal.get("grantees"), str):
                shared.append(scope)
            else:
                return [EVERYTHING]
        partly: set[ObjectId] = set()
        found = await _shared_ones(db, shared, partly) | await _named_ones(db, named)
        if len(found) > MOST_NAMED:
            return [EVERYTHING]
        narrow = await self._narrow(db, sorted(partly - named)[:MOST_PARTLY])
        single = [
            stretch
            for id_, owner_id in found.items()
            if owner_id not in owners
            for stretch in narrow.get(id_, [_of(owner_id, id_)])
        ]
        return [*(Stretch.of(owner_id.binary) for owner_id in owners), *single]

    async def _narrow(self, db: AsyncDatabase[Record], ids: Sequence[ObjectId]) -> dict[ObjectId, list[Stretch]]:
        """What the caller sees of these conversations."""
        cursor = db.conversations.find({"_id": {"$in": list(ids)}}, batch_size=MOST_PARTLY) if ids else None
        there = [Conversation.model_validate(record) async for record in cursor] if cursor else []
        sights = await gather(*map(self.seen, there))
        return {each.id: _within(each, sight) for each, sight in zip(there, sights, strict=True)}

    def match(self, wanted: MessageFilter) -> Record:
        """What a conversation must match, for MongoDB."""
        parts: list[Record] = [
            {"deleted": False},
            {"$or": [dict(scope.where) for scope in self.conversations]},
            {"$or": [dict(each) for each in self.messages]},
        ]
        if wanted.llm_model is not None:
            parts.append({"$or": [dict(each) for each in self.models]} if self.models else {"_id": None})
        if wanted.tags_any is not None:
            parts.append({"tags": {"$in": list(wanted.tags_any)}})
        return {"$and": parts}


async def _named_ones(db: AsyncDatabase[Record], ids: Collection[ObjectId]) -> dict[ObjectId, ObjectId]:
    """The owners of these conversations."""
    found = db.conversations.find({"_id": {"$in": list(ids)}}, {"owner_id": 1}) if ids else None
    return {record["_id"]: record["owner_id"] async for record in found} if found else {}


async def _shared_ones(
    db: AsyncDatabase[Record], scopes: Sequence[Scope], partly: set[ObjectId]
) -> dict[ObjectId, ObjectId]:
    """The owners of the conversations in scopes that say to whom they are shared: one more than can be named at most.

    Those of which branches are shared are added to `partly`. They lie among others' conversations, of which nothing
    else is to be looked at.
    """
    if not scopes:
        return {}
    grantees = list(dict.fromkeys(scope.equal["grantees"] for scope in scopes))
    stages: Sequence[Record] = [
        {"$match": {"grantees": {"$in": grantees}}},  # alone: the embedded server scans for more beside an `$in`
        {"$match": {"deleted": False, "$or": [dict(scope.where) for scope in scopes]}},
        {"$limit": MOST_NAMED + 1},
        {"$project": {"owner_id": 1, "branches": {"$size": BRANCH_SHARES}}},
    ]
    found: dict[ObjectId, ObjectId] = {}
    async for record in await db.conversations.aggregate(stages):
        found[record["_id"]] = record["owner_id"]
        if record["branches"]:
            partly.add(record["_id"])
    return found


def _within(conversation: Conversation, sight: Sight | None) -> list[Stretch]:
    if sight is None:
        return [_of(conversation.owner_id, conversation.id)]
    prefix = conversation.owner_id.binary + conversation.id.binary
    return [Stretch.run(prefix, run.branch, run.start, run.stop) for run in sight.runs()]


def _of(owner_id: ObjectId, conversation_id: ObjectId) -> Stretch:
    return Stretch.of(owner_id.binary + conversation_id.binary)


def _named(where: Mapping[str, Any]) -> set[ObjectId] | None:
    """The conversations that a scope names, and no others match it; None where it names none."""
    for part in (where, *where.get("$and", ())):
        test = part.get("_id")
        if isinstance(test, Mapping) and ("$eq" in test or "$in" in test):
            ids = [test["$eq"]] if "$eq" in test else test["$in"]
            return {id_ for id_ in ids if isinstance(id_, ObjectId)}
    return None
