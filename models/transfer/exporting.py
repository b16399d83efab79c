"""What is common to all exports: which conversations, what may be said of them, and how far one is."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.conversation import Conversation
from models.database import Record
from models.tree.draft import TreeLimits
from models.tree.history import History
from models.tree.turns import Turns
from models.tree.walk import Walk

NameOf: TypeAlias = Callable[[PydanticObjectId], Awaitable[str | None]]
BATCH: Final = 1_000


@dataclass(frozen=True, slots=True)
class View:
    """What whoever exports may see of a conversation that he may read: metadata, and names of others."""

    metadata: bool
    name_of: NameOf


@dataclass(slots=True)
class Tally:
    """What is written so far."""

    conversations: int = 0
    messages: int = 0


@dataclass(frozen=True, slots=True)
class Trees:
    """Reads the trees to export."""

    db: AsyncDatabase[Record]
    limits: TreeLimits
    turns: Turns

    def walk(self, conversation: Conversation) -> Walk:
        """Through all of it."""
        return Walk(self.db, conversation, self.limits, self.turns)

    def history(self, conversation: Conversation) -> History:
        """Reads single messages."""
        return History(self.db, conversation, self.limits, self.turns)

    async def listed(self, owner_id: PydanticObjectId | None) -> list[PydanticObjectId]:
        """The ids of somebody's conversations, or of everybody's, in order; 100 bytes of memory each."""
        query: Record = {"deleted": False} if owner_id is None else {"owner_id": owner_id, "deleted": False}
        found = self.db.conversations.find(query, {"_id": 1}, batch_size=BATCH)
        return sorted([each["_id"] async for each in found])

    async def read(self, id_: PydanticObjectId) -> Conversation | None:
        """A conversation as it is now; None where it is gone, or deleted."""
        found = await self.db.conversations.find_one({"_id": id_})
        return Conversation.model_validate(found) if found and not found["deleted"] else None


class Writing(Protocol):
    """A format to export to: what comes first, a conversation, what comes last."""

    @property
    def media_type(self) -> str:
        """Of its files."""

    @property
    def file_name(self) -> str:
        """How such a file is called."""

    def first(self, of: PydanticObjectId | None) -> bytes:
        """The beginning of an export of `of`'s conversations; None: of everybody's."""

    def conversation(self, trees: Trees, conversation: Conversation, view: View, tally: Tally) -> AsyncIterator[bytes]:
        """One conversation, in pieces of bounded size; counts it when it is whole."""

    def last(self, tally: Tally) -> bytes:
        """The end."""

    def broken_off(self, reason: str) -> bytes:
        """What is said where it ends early, if the format has words for that."""

    def whole(self, line: bytes) -> Mapping[str, object] | None:
        """By how a whole line begins, if it ends a conversation: its `id`, and `messages` if it tells; else None."""


def no_progress(_: Tally) -> None:
    """Tells nobody."""


async def export(
    trees: Trees,
    of: PydanticObjectId | None,
    writing: Writing,
    view: View,
    put: Callable[[bytes], object],
    tally: Tally,
    known: Collection[PydanticObjectId] = (),
    progress: Callable[[Tally], None] = no_progress,
) -> None:
    """Put out the conversations of `of` (None: of everybody) but for those that are `known`, and the end."""
    for id_ in await trees.listed(of):
        if id_ in known or (conversation := await trees.read(id_)) is None:
            continue
        async for piece in writing.conversation(trees, conversation, view, tally):
            put(piece)
            progress(tally)
        progress(tally)
    put(writing.last(tally))
