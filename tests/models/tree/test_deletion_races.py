"""Two workers that delete, restore and purge the same thing at once: what they leave is purged, or it is kept."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from beanie import PydanticObjectId

from models.clock import now
from models.conversation import Conversation
from models.database import Database
from models.deletion import DeletionKind
from models.tree import MAIN, Address, MessageTree
from models.tree import tree as tree_module
from models.tree.deletion import Deleter
from models.tree.errors import PurgedError
from models.tree.plant import plant
from models.tree.watch import Nobody
from tests.models.tree.conftest import SMALL, unborn
from tests.models.tree.trees import line, planted, sprout

ALICE = PydanticObjectId()
MIDDLE = Address(MAIN, 2)
LATER = timedelta(days=31)
Act = Callable[[MessageTree, Conversation], Awaitable[None]]


def delete(tree: MessageTree, conversation: Conversation) -> Awaitable[None]:
    return tree.delete(conversation, MIDDLE, ALICE)


def remove(tree: MessageTree, conversation: Conversation) -> Awaitable[None]:
    return tree.remove(conversation, MIDDLE, ALICE)


def close(tree: MessageTree, conversation: Conversation) -> Awaitable[None]:
    return tree.close(conversation, ALICE)


def restore(tree: MessageTree, conversation: Conversation) -> Awaitable[None]:
    return tree.restore(conversation, MIDDLE)


def reopen(tree: MessageTree, conversation: Conversation) -> Awaitable[None]:
    return tree.reopen(conversation)


async def again(conversation: Conversation) -> Conversation:
    found = await Conversation.get(conversation.id)
    assert found
    return found


@pytest.mark.parametrize(("away", "back"), [(delete, restore), (remove, restore), (close, reopen)])
async def test_what_is_deleted_again_while_it_is_restored_is_purged(
    away: Act, back: Act, tree: MessageTree, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = await planted(tree, line(5))
    await away(tree, conversation)
    forget = Deleter._forget

    async def late(self: Deleter, *args: object) -> None:
        """Somebody else deletes it once more, just before whoever restored it throws the note away."""
        await away(tree, await again(conversation))
        await forget(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Deleter, "_forget", late)
    await back(tree, await again(conversation))
    await tree.purge(now() + LATER)
    texts = [message.get("content") async for bucket in database.db.buckets.find() for message in bucket["messages"]]
    assert "m2" not in texts


async def test_of_two_who_delete_at_once_the_later_note_counts(tree: MessageTree, database: Database) -> None:
    conversation = await planted(tree, line(5))
    await tree.delete(conversation, MIDDLE, ALICE)
    (note,) = await database.db.deletions.find().to_list()
    earlier = Deleter(database.db, conversation, SMALL, tree._locks)
    await earlier._note(DeletionKind.MESSAGE, note["deleted_at"] - timedelta(seconds=1), ALICE, MIDDLE)
    await tree.purge(note["deleted_at"])  # not due yet
    await tree.purge(now() + LATER)
    texts = [message.get("content") async for bucket in database.db.buckets.find() for message in bucket["messages"]]
    assert "m2" not in texts


class Told(Nobody):
    """Remembers whose words are said to be gone."""

    def __init__(self) -> None:
        self.gone: list[Address] = []

    async def purged(self, conversation_id: PydanticObjectId, addresses: Sequence[Address]) -> None:
        self.gone += addresses


async def test_nobody_is_told_that_a_message_is_gone_which_came_back(database: Database) -> None:
    told = Told()
    tree = MessageTree(database.db, SMALL, told)
    conversation = await planted(tree, line(5))
    await tree.delete(conversation, MIDDLE, ALICE)
    note = await database.db.deletions.find_one({})
    await tree.restore(await again(conversation), MIDDLE)
    assert note
    await database.db.deletions.insert_one(note)  # as where the worker died before it could throw it away
    await tree.purge(now() + LATER)
    assert told.gone == []
    await tree.delete(await again(conversation), MIDDLE, ALICE)
    note = await database.db.deletions.find_one({})
    await tree.purge(now() + LATER)
    assert note
    await database.db.deletions.insert_one(note)  # as where it died before it told anybody
    await tree.purge(now() + LATER)
    assert told.gone == [MIDDLE, MIDDLE]


@pytest.mark.parametrize("left", [{"slot": None}, {"tail": {"$exists": False}}, {"tail": {"$exists": True}}])
async def test_a_conversation_that_goes_while_a_part_of_it_is_purged_stops_no_purge(
    left: dict[str, object], tree: MessageTree, database: Database
) -> None:
    conversation = await planted(tree, line(15))
    await remove(tree, conversation)
    await database.db.buckets.delete_many({"conversation_id": conversation.id, "$nor": [left]})  # by another worker
    other = await planted(tree, line(5))
    await delete(tree, other)
    assert (await tree.purge(now() + LATER)).messages == 1


async def test_what_goes_at_a_set_time_is_not_restored_before(tree: MessageTree) -> None:
    conversation = await planted(tree, line(2))
    await tree.close(conversation, ALICE, due_at=now() + timedelta(minutes=1))
    with pytest.raises(PurgedError):
        await tree.reopen(await again(conversation))
    assert (await again(conversation)).deleted


async def test_a_copy_that_is_stored_after_its_author_was_erased_has_nothing_of_him(
    tree: MessageTree, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await planted(tree, [replace(sprout(None, "a secret"), author_id=ALICE)])
    target = unborn()

    async def late(*args: Any) -> bool:
        await database.db.erasures.insert_one({"_id": ALICE, "requested_at": now(), "messages": 0})
        for reader in await database.db.readers.find({"user_id": ALICE}).to_list():
            await tree.erase_author(reader["conversation_id"], ALICE)
        return await plant(*args)

    monkeypatch.setattr(tree_module, "plant", late)
    assert await tree.copy(source, MAIN, None, target, metadata=True)
    (bucket,) = await database.db.buckets.find({"conversation_id": target.id}).to_list()
    assert not bucket["messages"][0].keys() & {"content", "author_id"}


@pytest.mark.parametrize(("away", "back"), [(delete, restore), (remove, restore), (close, reopen)])
async def test_no_note_is_left_of_what_was_restored(
    away: Act, back: Act, tree: MessageTree, database: Database
) -> None:
    conversation = await planted(tree, line(5))
    await away(tree, conversation)
    notes = {"kind": {"$ne": DeletionKind.FIGURES}}
    assert await database.db.deletions.count_documents(notes) == 1
    await back(tree, await again(conversation))
    assert await database.db.deletions.count_documents(notes) == 0
