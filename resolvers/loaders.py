"""Loaders: many objects asked for by one request come in one call each kind, once."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from typing import NamedTuple, TypeVar

from beanie import PydanticObjectId

from models.answer import AnswerRequest
from models.answers import Answers
from models.conversation import Conversation
from models.conversation_reads import read
from models.role import Role, RoleAssignment
from models.tree import Address, BranchEnd, History, MessageTree, Row
from models.tree.meter import Meter
from models.user import User
from resolvers.loading import SharedLoader
from resolvers.sights import Sights

K = TypeVar("K", Address, str)
V = TypeVar("V")
InConversation = tuple[PydanticObjectId, K]


class Place(NamedTuple):
    """Where messages are each other's siblings: at `depth`, after `parent`; the first `limit` of them."""

    conversation_id: PydanticObjectId
    parent: Address | None
    depth: int
    limit: int
    gone: tuple[int, ...] = ()
    """Ordinals that were removed."""


Read = Callable[[History, Sequence[K]], Awaitable[Mapping[K, V]]]


class Loaders:
    """One request's.

    INVARIANT: what loads refers to nothing that refers to it: who asked would be freed by the garbage collector only.
    """

    def __init__(self, tree: MessageTree, sights: Sights, reading: Meter | None = None) -> None:
        """`reading` counts what messages say."""
        self._tree = tree
        self._reading = reading
        self._sights = sights

    @cached_property
    def users(self) -> SharedLoader[PydanticObjectId, User | None]:
        """Accounts."""
        return SharedLoader(_users)

    @cached_property
    def roles(self) -> SharedLoader[str, Role | None]:
        """Roles by name."""
        return SharedLoader(_roles)

    @cached_property
    def assignments(self) -> SharedLoader[PydanticObjectId, list[RoleAssignment]]:
        """What users hold."""
        return SharedLoader(_assignments)

    @cached_property
    def conversations(self) -> SharedLoader[PydanticObjectId, Conversation | None]:
        """Conversations, without the terms that lists find them by."""
        return SharedLoader(partial(_conversations, self._tree))

    @cached_property
    def rows(self) -> SharedLoader[InConversation[Address], Row | None]:
        """Messages by address."""
        return SharedLoader(self._histories.rows)

    @cached_property
    def siblings(self) -> SharedLoader[Place, list[Address]]:
        """The alternatives at a place."""
        return SharedLoader(self._histories.siblings)

    @cached_property
    def ends(self) -> SharedLoader[InConversation[str], BranchEnd | None]:
        """Where branches left and end."""
        return SharedLoader(self._histories.ends)

    @cached_property
    def answers(self) -> SharedLoader[InConversation[Address], AnswerRequest | None]:
        """The newest request for an answer to each message."""
        return SharedLoader(_answers)

    @cached_property
    def branch_times(self) -> SharedLoader[InConversation[str], datetime | None]:
        """When branches were made."""
        return SharedLoader(self._histories.branch_times)

    def prime(self, conversations: Iterable[Conversation]) -> None:
        """Conversations that are loaded already, as they are now."""
        self.conversations.prime_many({each.id: each for each in conversations}, force=True)

    def forget(self, conversation_id: PydanticObjectId) -> None:
        """It has changed: read it, and its messages, anew."""
        with suppress(KeyError):  # where it was never loaded
            self.conversations.clear(conversation_id)
        self._sights.forget(conversation_id)
        self.rows.clear_all()
        self.siblings.clear_all()
        self.ends.clear_all()
        self.answers.clear_all()

    def forget_rules(self) -> None:
        """Roles, or who holds them, have changed."""
        self.roles.clear_all()
        self.assignments.clear_all()

    @cached_property
    def _histories(self) -> "_Histories":
        return _Histories(self._tree, self._sights, self.conversations, self._reading)


@dataclass(frozen=True, slots=True)
class _Histories:
    """Reads what is in conversations."""

    tree: MessageTree
    sights: Sights
    conversations: SharedLoader[PydanticObjectId, Conversation | None]
    reading: Meter | None

    async def rows(self, keys: list[InConversation[Address]]) -> list[Row | None]:
        return await self._each(keys, lambda history, some: history.rows(some))

    async def siblings(self, places: list[Place]) -> list[list[Address]]:
        return list(await asyncio.gather(*map(self._siblings_at, places)))

    async def ends(self, keys: list[InConversation[str]]) -> list[BranchEnd | None]:
        return await self._each(keys, lambda history, some: history.ends(some))

    async def branch_times(self, keys: list[InConversation[str]]) -> list[datetime | None]:
        return await self._each(keys, lambda history, some: history.created(some))

    async def _siblings_at(self, place: Place) -> list[Address]:
        conversation = await self.conversations.load(place.conversation_id)
        if conversation is None:
            return []
        return await (await self._of(conversation)).siblings(place.parent, place.depth, place.limit, place.gone)

    async def _of(self, conversation: Conversation) -> History:
        return self.tree.history(conversation, await self.sights.of(conversation), self.reading)

    async def _each(self, keys: Sequence[InConversation[K]], read: "Read[K, V]") -> list[V | None]:
        """What `read` finds for `keys`, one call a conversation."""
        wanted: dict[PydanticObjectId, list[K]] = defaultdict(list)
        for conversation_id, key in keys:
            wanted[conversation_id].append(key)
        found: dict[InConversation[K], V] = {}
        for conversation_id, some in wanted.items():
            if conversation := await self.conversations.load(conversation_id):
                values = await read(await self._of(conversation), some)
                found |= {(conversation_id, key): value for key, value in values.items()}
        return [found.get(key) for key in keys]


async def _conversations(tree: MessageTree, ids: list[PydanticObjectId]) -> list[Conversation | None]:
    found = await tree.conversations.get(ids)
    return [read(found[each]) if each in found else None for each in ids]


async def _users(ids: list[PydanticObjectId]) -> list[User | None]:
    records = User.get_pymongo_collection().find({"_id": _any_of(ids)}, batch_size=len(ids) + 1)
    found = {record["_id"]: User.model_validate(record) async for record in records}
    return [found.get(each) for each in ids]


async def _roles(names: list[str]) -> list[Role | None]:
    found = {role.id: role async for role in Role.find({"_id": {"$in": names}})}
    return [found.get(each) for each in names]


async def _assignments(user_ids: list[PydanticObjectId]) -> list[list[RoleAssignment]]:
    """Those that have not been ended, of each user."""
    found: dict[PydanticObjectId, list[RoleAssignment]] = defaultdict(list)
    async for each in RoleAssignment.find({"user_id": {"$in": user_ids}}):
        if each.ended_at is None:
            found[each.user_id].append(each)
    return [found[each] for each in user_ids]


async def _answers(keys: list[InConversation[Address]]) -> list[AnswerRequest | None]:
    """The newest request for each message, one call a conversation."""
    wanted: dict[PydanticObjectId, list[str]] = defaultdict(list)
    for conversation_id, address in keys:
        wanted[conversation_id].append(str(address))
    answers = Answers(AnswerRequest.get_pymongo_collection().database)
    found = {each: await answers.latest(each, messages) for each, messages in wanted.items()}
    return [found[conversation_id].get(str(address)) for conversation_id, address in keys]


def _any_of(ids: Sequence[PydanticObjectId]) -> object:
    return ids[0] if len(ids) == 1 else {"$in": ids}
