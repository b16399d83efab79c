"""Who is told where trees change: a search index, whoever counts, whoever keeps files that belong to messages."""

from collections.abc import Sequence
from typing import Final, Protocol

from beanie import PydanticObjectId

from models.tree.address import Address


class TreeWatcher(Protocol):
    """Is told after a change is stored, and before whoever made it is.

    It is told where, and reads through `History` what is there now: so it comes to the same whether it is told once,
    twice (the retry after a crash tells again), or late. A worker that dies between a write and its news, and whose
    client never tries again, leaves the news untold: what must be complete needs a repair of its own.
    """

    async def changed(self, conversation_id: PydanticObjectId, addresses: Sequence[Address]) -> None:
        """Messages were added, deleted (they are tombstones now), restored, or purged (tombstones for good)."""

    async def subtree_changed(self, conversation_id: PydanticObjectId, root: Address) -> None:
        """`root` and all below it vanished, or are back. There may be millions: hide them by `History.rows`."""

    async def purged(self, conversation_id: PydanticObjectId, addresses: Sequence[Address]) -> None:
        """What these messages said is gone for good. Told again after a crash, and before the last trace goes."""

    async def purging(self, conversation_id: PydanticObjectId, branch: str, start: int) -> None:
        """The messages of `branch` from depth `start` on are about to go for good; nobody sees them any more."""

    async def conversation_changed(self, conversation_id: PydanticObjectId) -> None:
        """A conversation was planted, deleted (`Conversation.deleted`) or restored as a whole."""

    async def conversation_purging(self, conversation_id: PydanticObjectId) -> None:
        """All of a conversation is about to go for good; nobody sees it any more."""


class Nobody:
    """Is told, and does nothing."""

    async def changed(self, conversation_id: PydanticObjectId, addresses: Sequence[Address]) -> None:
        """See `TreeWatcher`."""

    async def subtree_changed(self, conversation_id: PydanticObjectId, root: Address) -> None:
        """See `TreeWatcher`."""

    async def purged(self, conversation_id: PydanticObjectId, addresses: Sequence[Address]) -> None:
        """See `TreeWatcher`."""

    async def purging(self, conversation_id: PydanticObjectId, branch: str, start: int) -> None:
        """See `TreeWatcher`."""

    async def conversation_changed(self, conversation_id: PydanticObjectId) -> None:
        """See `TreeWatcher`."""

    async def conversation_purging(self, conversation_id: PydanticObjectId) -> None:
        """See `TreeWatcher`."""


NOBODY: Final = Nobody()


class Watchers:
    """Several, told one after the other."""

    def __init__(self, *watchers: TreeWatcher) -> None:
        self._watchers = watchers

    async def changed(self, conversation_id: PydanticObjectId, addresses: Sequence[Address]) -> None:
        """See `TreeWatcher`."""
        for watcher in self._watchers:
            await watcher.changed(conversation_id, addresses)

    async def subtree_changed(self, conversation_id: PydanticObjectId, root: Address) -> None:
        """See `TreeWatcher`."""
        for watcher in self._watchers:
            await watcher.subtree_changed(conversation_id, root)

    async def purged(self, conversation_id: PydanticObjectId, addresses: Sequence[Address]) -> None:
        """See `TreeWatcher`."""
        for watcher in self._watchers:
            await watcher.purged(conversation_id, addresses)

    async def purging(self, conversation_id: PydanticObjectId, branch: str, start: int) -> None:
        """See `TreeWatcher`."""
        for watcher in self._watchers:
            await watcher.purging(conversation_id, branch, start)

    async def conversation_changed(self, conversation_id: PydanticObjectId) -> None:
        """See `TreeWatcher`."""
        for watcher in self._watchers:
            await watcher.conversation_changed(conversation_id)

    async def conversation_purging(self, conversation_id: PydanticObjectId) -> None:
        """See `TreeWatcher`."""
        for watcher in self._watchers:
            await watcher.conversation_purging(conversation_id)
