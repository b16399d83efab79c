"""Conversations that somebody follows, as they are: read once for all who follow them, and again when they change."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from beanie import PydanticObjectId

from models.conversation import Conversation
from permissions.engine.facts import Resource, Share
from permissions.resources import conversation_resource, message_resource
from resolvers.live.broker import Position

BATCH: Final = 500
"""Conversations read at once."""
FACTS: Final = ("owner_id", "attributes", "shares", "deleted", "removed")
"""What rights hang on, and what is out of everybody's sight."""


@dataclass(frozen=True, slots=True)
class Followed:
    """A conversation as it was read, and as what it is judged: made once, for all who follow it."""

    conversation: Conversation
    about: Resource
    messages: Resource
    shares: Mapping[str, Sequence[Share]]
    """By whom they are for."""

    @classmethod
    def of(cls, conversation: Conversation) -> Self:
        """That one."""
        messages, shares = message_resource(conversation), defaultdict(list)
        for share in messages.shares:
            shares[share.grantee].append(share)
        return cls(conversation, conversation_resource(conversation), messages, shares)

    def alike(self, other: "Followed") -> bool:
        """Whether nothing has changed between them on which rights hang."""
        return self.messages is other.messages

    def shares_for(self, grantees: Iterable[str]) -> Sequence[Share]:
        """Those that are for one of them."""
        return [share for grantee in grantees for share in self.shares.get(grantee, ())] if self.shares else ()


class _Entry:
    """`wanted` counts what was told of changes, `read` how much of that is in `followed`."""

    def __init__(self) -> None:
        self.followers = 0
        self.wanted, self.read = 1, 0
        self.told: Position | None = None
        self.followed: Followed | None = None
        self.facts: Mapping[str, Any] | None = None

    @property
    def old(self) -> bool:
        return self.read < self.wanted


class KnownConversations:
    """One a worker. What nobody follows is forgotten."""

    def __init__(self) -> None:
        self._entries: Final[dict[PydanticObjectId, _Entry]] = {}
        self._reading: Final = asyncio.Lock()

    def follow(self, id_: PydanticObjectId) -> None:
        """Somebody does, who calls `leave` when he doesn't any more."""
        self._entries.setdefault(id_, _Entry()).followers += 1

    def leave(self, id_: PydanticObjectId) -> None:
        """One follower less."""
        entry = self._entries[id_]
        entry.followers -= 1
        if not entry.followers:
            del self._entries[id_]

    def outdated(self, id_: PydanticObjectId, told: Position | None = None) -> bool:
        """It has changed: whether that is news. `told` is where its own channel says so, to each follower once."""
        entry = self._entries.get(id_)
        if entry is None or (told is not None and entry.told is not None and told <= entry.told):
            return False
        entry.told = told or entry.told
        entry.wanted += 1
        return True

    def all_outdated(self) -> None:
        """Any of them may have changed."""
        for entry in self._entries.values():
            entry.wanted += 1

    async def get(self, id_: PydanticObjectId) -> Followed | None:
        """It as it is now; None where there is none."""
        entry = self._entries.get(id_)
        while entry is not None and entry.old and self._entries.get(id_) is entry:
            async with self._reading:
                if entry.old:
                    await self._read([id_])
        return None if entry is None else entry.followed

    async def refresh(self, ids: Iterable[PydanticObjectId]) -> None:
        """Have those at hand, as they are now."""
        async with self._reading:
            await self._read([id_ for id_ in set(ids) if id_ in self._entries and self._entries[id_].old])

    async def look(self) -> list[PydanticObjectId]:
        """Those of which rights have changed, though nobody told: whoever changed them may have died over it."""
        ids, changed = list(self._entries), []
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            known = {id_: self._entries[id_] for id_ in batch if id_ in self._entries and not self._entries[id_].old}
            found = await _stored(batch, FACTS)
            changed += [id_ for id_, entry in known.items() if not entry.old and entry.facts != found.get(id_)]
        return [id_ for id_ in changed if self.outdated(id_)]

    async def _read(self, ids: list[PydanticObjectId]) -> None:
        for start in range(0, len(ids), BATCH):
            entries = {id_: self._entries[id_] for id_ in ids[start : start + BATCH] if id_ in self._entries}
            wanted = {id_: entry.wanted for id_, entry in entries.items()}
            found = await _stored(list(entries))
            for id_, entry in entries.items():
                record = found.get(id_)
                entry.read = wanted[id_]
                facts = record and {name: record[name] for name in ("_id", *FACTS) if name in record}
                conversation = None if record is None else Conversation.model_validate(record)
                if conversation is None:
                    entry.followed = None
                elif entry.followed is not None and facts == entry.facts:
                    entry.followed = replace(entry.followed, conversation=conversation)
                else:
                    entry.followed = Followed.of(conversation)
                entry.facts = facts


async def _stored(
    ids: list[PydanticObjectId], only: tuple[str, ...] | None = None
) -> Mapping[PydanticObjectId, Mapping[str, Any]]:
    if not ids:
        return {}
    cursor = Conversation.get_pymongo_collection().find({"_id": {"$in": ids}}, only and list(only))
    return {record["_id"]: record async for record in cursor}
