"""The message tree of all conversations: the one door to `append`, `history` and what keeps their figures true."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.bucket import MessageStatus
from models.clock import now
from models.conversation import Conversation
from models.conversation_reads import conversation_reads
from models.database import Record
from models.news import ended, noting
from models.tree.address import MAIN, Address
from models.tree.append import ATTEMPTS, Appended, Appender
from models.tree.buckets import Buckets
from models.tree.copying import copied
from models.tree.cuts import Cuts
from models.tree.deletion import Deleter
from models.tree.draft import Draft, TreeLimits
from models.tree.ends import Ends
from models.tree.erasing import count_author, erase_author
from models.tree.errors import ContentionError, MessageNotFoundError
from models.tree.figures import counting, foretold
from models.tree.growth import STORED, Growing, Growth, Texts, silent
from models.tree.history import History
from models.tree.locks import PlaceLocks
from models.tree.meter import Meter
from models.tree.orphans import Swept
from models.tree.page import Row
from models.tree.plant import Sprout, plant
from models.tree.purge import Purge, Purged
from models.tree.seeing import sight_of
from models.tree.sight import Sight
from models.tree.slices import slices
from models.tree.together import Wanted, rows
from models.tree.turns import Turns, in_turn
from models.tree.watch import NOBODY, TreeWatcher

COPIES: Final = 2
"""Made at a time: each is held in memory, of which it takes some 100 MB at most."""


class MessageTree:
    """Made once a worker; keeps nothing but limits, locks, and guesses. `watcher` is told where trees change.

    `texts` knows what messages say that are still being written.
    """

    def __init__(
        self, db: AsyncDatabase[Record], limits: TreeLimits, watcher: TreeWatcher = NOBODY, texts: Texts = STORED
    ) -> None:
        self._db = db
        self.limits = limits
        self._watcher = watcher
        self._texts = texts
        self._locks = PlaceLocks()
        self._turns = Turns()
        self.precedence: Final = self._turns.precedence
        self._ends = Ends()
        self._slices = slices(db, Cuts(limits.kept_bytes))
        self.conversations: Final = conversation_reads()
        """Those that are only looked at, for all requests together."""
        self._copying = asyncio.Semaphore(COPIES)

    async def start(self, conversation: Conversation) -> None:
        """Store a new conversation, empty. Its first branch first: what nobody can find harms nobody."""
        branch = {
            "conversation_id": conversation.id,
            "branch": MAIN,
            "parent_branch": None,
            "fork_depth": 0,
            "ordinal": 0,
            "created_at": conversation.started_at,
        }
        await self._db.branches.insert_one(branch)
        await conversation.insert()

    async def append(self, conversation: Conversation, parent: Address | None, draft: Draft) -> Appended:
        """Append after `parent`; on a branch of its own where something follows already. None: as a first message."""
        chosen = await self._admitted(conversation, draft.author_id)
        return await self._touched(conversation, draft, chosen, await self._appender(conversation).after(parent, draft))

    async def append_at_end(self, conversation: Conversation, branch: str, draft: Draft) -> Appended:
        """Append after the last message of `branch`."""
        chosen = await self._admitted(conversation, draft.author_id)
        return await self._touched(
            conversation, draft, chosen, await self._appender(conversation).at_end(branch, draft)
        )

    async def save(self, conversation: Conversation, address: Address, text: str) -> bool:
        """A message that was appended as streaming says `text` by now; False where it is so no more."""
        return await Growth(self._db, conversation, self.limits).save(address, text)

    async def end(
        self,
        conversation: Conversation,
        address: Address,
        text: str | None,
        status: MessageStatus,
        metadata: Mapping[str, Any] | None = None,
        *,
        told: bool = True,
    ) -> bool:
        """Such a message says `text` (None: what was saved last) for good. `told`: its readers are told of that.

        False where that was said before, or what it said is gone for good.
        """
        # Before it ends, so that no crash leaves its readers untold.
        stage = {"updated_at": {"$max": ["$updated_at", now()]}, **(noting(ended(address)) if told else {})}
        await self._db.conversations.update_one({"_id": conversation.id}, [{"$set": stage}])
        if not await Growth(self._db, conversation, self.limits).end(address, text, status, metadata):
            return False
        await self._watcher.changed(conversation.id, [address])
        return True

    async def silent(self, before: datetime) -> list[Growing]:
        """Such messages of all conversations, where nothing was saved since `before`."""
        return await silent(self._db, before)

    async def choose(self, conversation: Conversation, user_id: PydanticObjectId, branch: str) -> None:
        """Remember that `user_id` is on `branch`."""
        if user_id == conversation.owner_id:
            await self._db.conversations.update_one({"_id": conversation.id}, {"$set": {"chosen_branch": branch}})
            return
        choice = {"conversation_id": conversation.id, "user_id": user_id, "chosen_branch": branch}
        await self._db.readers.update_one({"_id": reader_id(conversation.id, user_id)}, {"$set": choice}, upsert=True)

    @in_turn
    async def chosen(self, conversation: Conversation, user_id: PydanticObjectId) -> str:
        """The branch on which `user_id` is: his own choice, or else the owner's.

        It may be removed by now; `History.refuge` then says which one is left.
        """
        if user_id == conversation.owner_id:
            return conversation.chosen_branch
        reader = await self._db.readers.find_one({"_id": reader_id(conversation.id, user_id)})
        return (reader and reader["chosen_branch"]) or conversation.chosen_branch

    async def delete(self, conversation: Conversation, address: Address, by: PydanticObjectId | None) -> None:
        """Leave a tombstone of the message; again, and nothing happens. Raises `MessageNotFoundError`."""
        await self._deleter(conversation).bury(address, by)
        await self._watcher.changed(conversation.id, [address])

    async def remove(self, conversation: Conversation, address: Address, by: PydanticObjectId | None) -> None:
        """Take the message and all below it out of sight. Raises `MessageNotFoundError`, `TooManyRemovalsError`."""
        for _ in range(ATTEMPTS):
            if await self._deleter(conversation).remove(address, by):
                break
            found = await self._db.conversations.find_one({"_id": conversation.id})
            if found is None:
                raise MessageNotFoundError(str(address))
            conversation = Conversation.model_validate(found)
        else:
            raise ContentionError
        await self._watcher.subtree_changed(conversation.id, address)

    async def restore(self, conversation: Conversation, address: Address) -> None:
        """Bring back a removed subtree that begins there, or else a deleted message; or else nothing happens.

        Raises `MessageNotFoundError`, and `PurgedError` where it is too late.
        """
        deleter = self._deleter(conversation)
        if await deleter.recover(address):
            await self._watcher.subtree_changed(conversation.id, address)
        else:
            await deleter.unbury(address)
            await self._watcher.changed(conversation.id, [address])

    async def close(
        self,
        conversation: Conversation,
        by: PydanticObjectId | None,
        due_at: datetime | None = None,
        mark: str | None = None,
    ) -> None:
        """Take the conversation out of everybody's sight; `due_at` has it purged then, whatever the retention time."""
        await self._deleter(conversation).close(by, due_at, mark)
        await self._watcher.conversation_changed(conversation.id)

    async def reopen(self, conversation: Conversation) -> None:
        """Bring a deleted conversation back. Raises `PurgedError` where it is too late."""
        await self._deleter(conversation).reopen()
        await self._watcher.conversation_changed(conversation.id)

    async def purge(self, before: datetime) -> Purged:
        """Make final what was deleted before that time. One at a time is enough (`models.lease`)."""
        return await Purge(self._db, self.limits, self._watcher).run(before)

    async def sweep(self, before: datetime) -> Swept:
        """Take away what writers that died before that time left unfinished."""
        return await Purge(self._db, self.limits, self._watcher).orphans(before)

    async def purge_due(self) -> Purged:
        """Make final only what is due whatever the retention time."""
        return await Purge(self._db, self.limits, self._watcher).run(None)

    async def erase_author(self, conversation_id: PydanticObjectId, author_id: PydanticObjectId) -> None:
        """Erase for good what somebody wrote there; its places stay."""
        await erase_author(self._db, conversation_id, author_id, self._watcher)

    async def count_author(self, conversation_id: PydanticObjectId, author_id: PydanticObjectId) -> int:
        """How many messages of his there are."""
        return await count_author(self._db, conversation_id, author_id)

    def history(self, conversation: Conversation, sight: Sight | None = None, meter: Meter | None = None) -> History:
        """Reads `conversation`; for whom only branches of it are shared with, as far as his `sight` goes.

        `meter` counts what is read, and may stop it.
        """
        return History(
            self._db, conversation, self.limits, self._turns, sight, self._texts, meter, self._ends, self._slices
        )

    async def rows(
        self, wanted: Sequence[tuple[Conversation, Sight | None, Collection[Address]]], meter: Meter | None = None
    ) -> list[dict[Address, Row]]:
        """Messages by address, of each conversation. One call for all short ones, where no message begins a branch.

        `meter` as in `history`, of all together.
        """
        reading = [Wanted(of, self.history(of, sight, meter), at) for of, sight, at in wanted]
        return await rows(self._db, self._turns, reading)

    @in_turn
    async def sight(self, conversation: Conversation, branches: Collection[str]) -> Sight:
        """What somebody sees of it with whom only those branches are shared."""
        buckets = Buckets(self._db, conversation.id, conversation.slot_width, self.limits)
        return await sight_of(buckets, branches)

    async def plant(self, conversation: Conversation, sprouts: Sequence[Sprout], chosen: int | None) -> bool:
        """Store a whole conversation at once; False where it is there already."""
        planted = await plant(self._db, conversation, sprouts, chosen, self.limits)
        await self._watcher.conversation_changed(conversation.id)
        return planted

    async def copy(
        self,
        source: Conversation,
        branch: str,
        until: Address | None,
        target: Conversation,
        *,
        metadata: bool | Sight,
        sight: Sight | None = None,
    ) -> bool:
        """Store `target` with the path of a branch of `source`; False where it is there already.

        It goes as far as `sight` does. `metadata`: whether, or of which messages, their metadata is copied.
        """
        async with self._copying:
            sprouts = await copied(self.history(source, sight), branch, until, metadata=metadata)
            authors = {sprout.author_id for sprout in sprouts if sprout.author_id}
            for author_id in authors:
                await self._admitted(target, author_id)
            planted = await self.plant(target, sprouts, len(sprouts) - 1 if sprouts else None)
            # Who was erased since his messages were read was looked for before they were stored here.
            async for erased in self._db.erasures.find({"_id": {"$in": list(authors)}}, {"_id": 1}):
                await self.erase_author(target.id, erased["_id"])
            return planted

    def _deleter(self, conversation: Conversation) -> Deleter:
        return Deleter(self._db, conversation, self.limits, self._locks)

    def _appender(self, conversation: Conversation) -> Appender:
        return Appender(self._db, conversation, self.limits, self._locks)

    async def _admitted(self, conversation: Conversation, author_id: PydanticObjectId | None) -> str:
        """The branch on which the author is. Somebody other than the owner is noted before he writes: see `Reader`."""
        if author_id is None or author_id == conversation.owner_id:
            return conversation.chosen_branch
        id_ = reader_id(conversation.id, author_id)
        reader = await self._db.readers.find_one({"_id": id_})
        if reader is None:
            fields = {"conversation_id": conversation.id, "user_id": author_id, "chosen_branch": None}
            await self._db.readers.update_one({"_id": id_}, {"$setOnInsert": fields}, upsert=True)
        return (reader and reader["chosen_branch"]) or conversation.chosen_branch

    async def _touched(self, conversation: Conversation, draft: Draft, chosen: str, appended: Appended) -> Appended:
        """Bring the conversation's figures up to date, and its author to the branch that he wrote on.

        A crash before this leaves the count short by a message that nobody was told of, until it is sent again, or
        found (`latecomers`).
        """
        branch = appended.address.branch
        await self._watcher.changed(conversation.id, [appended.address])
        number = await self._counted(conversation, appended)
        if draft.author_id and branch != chosen:
            await self.choose(conversation, draft.author_id, branch)
        return replace(appended, number=number)

    async def _counted(self, conversation: Conversation, appended: Appended) -> int | None:
        """Count the message. The number of that change, where the conversation is as it was read: one call then."""
        address, message = appended.address, appended.message
        conversations, this = self._db.conversations, {"_id": conversation.id}
        if appended.fresh and address == foretold(conversation.counted, address.branch):
            update = counting(address, message, forked=appended.forked, fresh=True, after=conversation.news)
            if (await conversations.update_one(this, update)).modified_count:
                return conversation.news + 1
        update = counting(address, message, forked=appended.forked, fresh=appended.fresh)
        await conversations.update_one(this, update)
        return None


def reader_id(conversation_id: PydanticObjectId, user_id: PydanticObjectId) -> str:
    """The id of the reader's document: one read by `_id` finds it."""
    return f"{conversation_id}:{user_id}"
