"""Messages that grow: stored in steps, made whole once, and never by who comes too late."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import bson
import pytest
from beanie import PydanticObjectId

from models.bucket import MessageRole, MessageStatus
from models.clock import now
from models.conversation import Conversation
from models.database import Database
from models.search import outbox
from models.tree import MAIN, Address, Draft, MessageTree, TreeLimits
from models.usage.packing import Tally
from models.usage.rollup import Rollup
from tests.models.tree.conftest import started
from tests.models.tree.wellformed import check_well_formed

STREAMED = Draft(MessageRole.ASSISTANT, "", author_id=PydanticObjectId(), status=MessageStatus.STREAMING)
SAID = Draft(MessageRole.USER, "a question", author_id=PydanticObjectId())
LATER = timedelta(seconds=1)


async def buckets(database: Database, conversation: Conversation) -> list[dict[str, Any]]:
    found = await database.db.buckets.find({"conversation_id": conversation.id}).to_list()
    return sorted(found, key=lambda bucket: (bucket["branch"], bucket["first_depth"]))


async def begun(tree: MessageTree, conversation: Conversation) -> Address:
    return (await tree.append_at_end(conversation, MAIN, STREAMED)).address


async def message(tree: MessageTree, conversation: Conversation, address: Address) -> Any:
    return (await tree.history(conversation).rows([address]))[address].message


async def test_a_message_grows_in_steps_and_is_whole_once(
    database: Database, tree: MessageTree, conversation: Conversation
) -> None:
    await tree.append_at_end(conversation, MAIN, SAID)
    address = await begun(tree, conversation)
    assert await tree.save(conversation, address, "hal")
    assert await tree.save(conversation, address, "half $content")
    assert (await message(tree, conversation, address))["content"] == "half $content"
    assert [each.address for each in await tree.silent(now() + LATER)] == [address]
    text, metadata = "all of it: $$ROOT 🙂", {"llm_model": "m", "tokens_out": 7}
    assert await tree.end(conversation, address, text, MessageStatus.COMPLETE, metadata)
    for late in (
        await tree.save(conversation, address, "late"),
        await tree.end(conversation, address, "late", MessageStatus.INTERRUPTED),
    ):
        assert not late
    stored = await message(tree, conversation, address)
    assert (stored["content"], stored["status"], stored["metadata"]) == (text, "complete", metadata)
    (bucket,) = await buckets(database, conversation)
    assert "growing" not in bucket
    assert "here" not in bucket
    assert not await tree.silent(now() + LATER)
    await check_well_formed(database.db, conversation.id)


async def test_what_is_interrupted_keeps_what_was_saved_if_less_is_left(
    tree: MessageTree, conversation: Conversation
) -> None:
    for saved, left, kept in (("one two", "one", "one two"), ("one", "one $two", "one $two"), ("one", None, "one")):
        address = await begun(tree, conversation)
        await tree.save(conversation, address, saved)
        assert await tree.end(conversation, address, left, MessageStatus.INTERRUPTED)
        assert (await message(tree, conversation, address))["content"] == kept


async def test_what_else_is_in_the_slot_stays_as_it_is(database: Database, tree: MessageTree) -> None:
    conversation = await started(tree, width=10)
    for _ in range(3):
        await tree.append_at_end(conversation, MAIN, replace(SAID, content="x" * 1_900))
    address = await begun(tree, conversation)
    before = await buckets(database, conversation)
    await tree.save(conversation, address, "some")
    await tree.end(conversation, address, "some more", MessageStatus.COMPLETE)
    after = await buckets(database, conversation)
    assert len(after) > 1
    assert after[:-1] == before[:-1]


async def test_no_bucket_gets_too_large_however_much_is_written_into_it_at_once(database: Database) -> None:
    limits = TreeLimits(bucket_messages=50, bucket_bytes=2_000, message_bytes=5_000)
    tree = MessageTree(database.db, limits)
    conversation = await started(tree, width=50)
    growing = []
    for _ in range(12):
        growing.append(await begun(tree, conversation))
        await tree.append_at_end(conversation, MAIN, SAID)
    for address in growing:
        for length in (1_000, 5_000):
            assert await tree.save(conversation, address, "x" * length)
    for address in growing:
        assert await tree.end(conversation, address, "x" * 5_000, MessageStatus.COMPLETE)
    found = await buckets(database, conversation)
    most = limits.bucket_bytes + 2 * limits.message_bytes + 1_000
    assert max(len(bson.encode(bucket)) for bucket in found) < most
    assert len(found) >= 6
    await check_well_formed(database.db, conversation.id)


async def test_growth_closes_the_bucket(database: Database, tree: MessageTree, conversation: Conversation) -> None:
    address = await begun(tree, conversation)
    await tree.save(conversation, address, "x" * 1_000)
    assert [bucket["open"] for bucket in await buckets(database, conversation)] == [True]
    await tree.save(conversation, address, "x" * 3_000)
    (bucket,) = await buckets(database, conversation)
    assert bucket["open"] is False
    assert bucket["size"] >= 3_000
    await tree.append_at_end(conversation, MAIN, SAID)
    assert len(await buckets(database, conversation)) == 2
    await check_well_formed(database.db, conversation.id)


@pytest.mark.parametrize("settled_late", [False, True], ids=["while it grows", "the reading is older than its end"])
async def test_the_index_gets_the_whole_text_once(
    database: Database, tree: MessageTree, conversation: Conversation, *, settled_late: bool
) -> None:
    await tree.append_at_end(conversation, MAIN, SAID)
    address = await begun(tree, conversation)
    await tree.save(conversation, address, "zeb")
    await tree.append_at_end(conversation, MAIN, SAID)
    taken = await outbox.taken(database.db, await outbox.waiting(database.db))
    assert len(taken.entries()) == 2, "what isn't whole is not indexed"
    if not settled_late:
        await outbox.settle(database.db, taken)
        assert not await outbox.waiting(database.db), "and is not looked at again and again"
    await tree.end(conversation, address, "zebra", MessageStatus.INTERRUPTED)
    if settled_late:
        await outbox.settle(database.db, taken)
    again = await outbox.taken(database.db, await outbox.waiting(database.db))
    assert any(b"zebra" in each.impacts or "zebra" in str(each.impacts) for each in again.entries())
    await outbox.settle(database.db, again)
    assert not await outbox.waiting(database.db)


async def test_usage_counts_it_once_and_its_tokens_when_it_is_whole(
    database: Database, tree: MessageTree, conversation: Conversation
) -> None:
    address = await begun(tree, conversation)
    await Rollup(database.db).run()
    await tree.save(conversation, address, "some")
    assert await Rollup(database.db).run() == 0, "what it says doesn't count"
    await tree.end(conversation, address, "all", MessageStatus.COMPLETE, {"llm_model": "m", "tokens_used": 7})
    assert await Rollup(database.db).run() == 1
    (page,) = await database.db.tallies.find({}).to_list()
    (entry,) = page["buckets"].values()
    tally = Tally.read(entry["data"])
    assert list(tally.models) == ["m"]
    fresh = Conversation.model_validate(await database.db.conversations.find_one({"_id": conversation.id}))
    assert fresh.message_count == 1


@pytest.mark.parametrize("way", ["deleted", "purged", "erased"])
async def test_what_is_gone_grows_no_more(
    database: Database, tree: MessageTree, conversation: Conversation, way: str
) -> None:
    address = await begun(tree, conversation)
    await tree.save(conversation, address, "secret")
    await tree.delete(conversation, address, None)
    if way == "purged":
        await tree.purge(now() + timedelta(days=1))
    if way == "erased":
        assert STREAMED.author_id
        await tree.erase_author(conversation.id, STREAMED.author_id)
    ended = await tree.end(conversation, address, "secret, all of it", MessageStatus.INTERRUPTED)
    assert ended is (way == "deleted"), "as long as it can be restored, it ends"
    assert "content" not in await message(tree, conversation, address)
    await tree.silent(now() + LATER)
    (bucket,) = await buckets(database, conversation)
    assert "growing" not in bucket
    if way != "deleted":
        assert "secret" not in str(bucket)


async def test_a_copy_of_what_grows_is_interrupted(
    database: Database, tree: MessageTree, conversation: Conversation
) -> None:
    address = await begun(tree, conversation)
    await tree.save(conversation, address, "some")
    target = conversation.model_copy(update={"id": PydanticObjectId(), "message_count": 0})
    await tree.copy(conversation, MAIN, None, target, metadata=True)
    copied = await message(tree, target, address)
    assert (copied["content"], copied["status"]) == ("some", "interrupted")
    assert [each.conversation_id for each in await tree.silent(now() + LATER)] == [conversation.id]


async def test_beginning_again_with_the_same_key_is_the_same_message(
    tree: MessageTree, conversation: Conversation
) -> None:
    draft = replace(STREAMED, idempotency_key="key")
    first = await tree.append_at_end(conversation, MAIN, draft)
    await tree.save(conversation, first.address, "some")
    second = await tree.append_at_end(conversation, MAIN, draft)
    assert (second.address, second.fresh) == (first.address, False)
