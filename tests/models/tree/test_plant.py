"""Planting whole trees."""

import asyncio

from beanie import PydanticObjectId

from models.bucket import MessageRole
from models.clock import now
from models.conversation import Conversation
from models.database import Database
from models.tree import MAIN, MessageTree, Sprout
from tests.models.tree.conftest import SMALL
from tests.models.tree.model import walk


def unplanted() -> Conversation:
    begun = now()
    return Conversation(owner_id=PydanticObjectId(), started_at=begun, updated_at=begun, slot_width=4)


def sprouts(length: int) -> list[Sprout]:
    """A line of messages, with an alternative to every fifth."""
    line: list[Sprout] = []
    parent: int | None = None
    for number in range(length):
        line.append(Sprout(parent, MessageRole.USER, f"m{number}", now()))
        parent = len(line) - 1
    return line + [Sprout(n, MessageRole.USER, f"other {n}", now()) for n in range(0, length - 1, 5)]


async def test_planting_again_changes_nothing(tree: MessageTree) -> None:
    conversation, seeds = unplanted(), sprouts(20)
    assert await tree.plant(conversation, seeds, len(seeds) - 1)
    assert not await tree.plant(conversation, seeds[:3], None)
    stored = await Conversation.get(conversation.id)
    assert stored
    assert (stored.message_count, stored.branch_count) == (24, 5)
    assert stored.chosen_branch != MAIN


async def test_a_crowd_that_plants_the_same_plants_it_once_and_whole(database: Database) -> None:
    for _ in range(5):
        conversation, seeds = unplanted(), sprouts(60)
        workers = [MessageTree(database.db, SMALL) for _ in range(8)]
        planted = await asyncio.gather(*(worker.plant(conversation, seeds, None) for worker in workers))
        assert sum(planted) == 1
        history = workers[0].history(conversation)
        rows = await walk(history, MAIN, 7)
        assert [row.message["content"] for row in rows] == [f"m{n}" for n in range(60)]
        branches = await history.branches(None, 100)
        assert len(branches) == 1 + 12
        ends = await history.ends([name for _, name in branches])
        assert len(ends) == 13


async def test_what_is_left_of_another_text_is_swept_away(database: Database, tree: MessageTree) -> None:
    conversation = unplanted()
    assert await tree.plant(conversation, sprouts(50), None)
    await database.db.conversations.delete_one({"_id": conversation.id})
    assert await tree.plant(conversation, sprouts(9), None)
    history = tree.history(conversation)
    rows = await walk(history, MAIN, 7)
    assert [row.message["content"] for row in rows] == [f"m{n}" for n in range(9)]
    assert len(await history.branches(None, 100)) == 1 + 2


async def test_an_unfinished_planting_of_the_same_text_is_completed(database: Database, tree: MessageTree) -> None:
    conversation, seeds = unplanted(), sprouts(30)
    assert await tree.plant(conversation, seeds, None)
    await database.db.conversations.delete_one({"_id": conversation.id})
    kept = await database.db.buckets.find_one({"conversation_id": conversation.id, "slot": "main.3"})
    await database.db.buckets.delete_many({"conversation_id": conversation.id, "slot": {"$in": ["main.0", "main.1"]}})
    assert await tree.plant(conversation, seeds, None)
    rows = await walk(tree.history(conversation), MAIN, 7)
    assert [row.message["content"] for row in rows] == [f"m{n}" for n in range(30)]
    again = await database.db.buckets.find_one({"conversation_id": conversation.id, "slot": "main.3"})
    assert kept
    assert again
    assert kept["_id"] == again["_id"]
