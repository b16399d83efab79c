"""Pages that come in one call with those of other conversations are the pages that come without them."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest
from beanie import PydanticObjectId

from models.bucket import MessageRole
from models.conversation import Conversation
from models.database import Database
from models.embedded import EmbeddedStores
from models.tree import MAIN, Address, Draft, MessageTree, Window
from models.tree.buckets import Buckets, following
from models.tree.cuts import Cuts
from models.tree.errors import BranchNotFoundError
from models.tree.lineage import Lineage, Segment
from models.tree.page import Page
from models.tree.slices import Slice, slices
from tests.models.commands import Commands, watched
from tests.models.tree.conftest import SMALL
from tests.models.tree.trees import line, nested, planted, sprout

Listened = tuple[MessageTree, Commands]
LAST = Window(last=3)


@pytest.fixture
async def listened(database: Database, stores: EmbeddedStores) -> AsyncIterator[Listened]:
    """A worker that reads, and what it sends."""
    async with watched(database, stores.mongodb_uri) as (db, commands):
        yield MessageTree(db, SMALL), commands


async def again(conversation: Conversation) -> Conversation:
    found = await Conversation.get(conversation.id)
    assert found
    return found


async def read(tree: MessageTree, conversation: Conversation, window: Window = LAST) -> Page:
    return await tree.history(conversation).page(conversation.chosen_branch, window)


async def append(tree: MessageTree, conversation: Conversation, content: str) -> None:
    draft = Draft(MessageRole.USER, content, author_id=conversation.owner_id)
    await tree.append_at_end(await again(conversation), MAIN, draft)


def contents(page: Page) -> list[str]:
    return [row.message["content"] for row in page.rows]


async def test_pages_of_many_conversations_come_in_one_call(listened: Listened, tree: MessageTree) -> None:
    reader, commands = listened
    conversations = [await planted(tree, line(length)) for length in (1, 7, 8, 30)]
    conversations.append(await planted(tree, nested(5)))
    for window in (LAST, Window(last=100), Window(first=2)):
        truth = [await read(MessageTree(tree._db, SMALL), each, window) for each in conversations]
        await asyncio.gather(*(read(reader, each, window) for each in conversations))
        with commands.during() as sent:
            shared = await asyncio.gather(*(read(reader, each, window) for each in (*conversations, *conversations)))
        assert shared == [*truth, *truth]
        known = [each for each in sent if each.name == "aggregate"]
        assert len(known) == 1
        assert len(sent) <= 1 + 2 * 2, "those of many forks, and whose first page is not at the end, by themselves"


async def test_what_another_worker_wrote_is_on_the_page(listened: Listened, tree: MessageTree) -> None:
    """Wherever the end was when it was read: in a bucket with room, in a full one, in one closed by its bytes."""
    reader, commands = listened
    conversation = await planted(tree, line(2))
    short, long = [], Random(7)
    for number in range(2, 40):
        with commands.during() as sent:
            page = await read(reader, conversation)
        short += [str(each) for each in sent]
        assert contents(page)[-1].startswith(f"m{number - 1}")
        await append(tree, conversation, f"m{number}" + "x" * long.choice((0, 0, 1_500, 3_000)))
        page = await read(reader, conversation)
        assert [each.partition("x")[0] for each in contents(page)] == [f"m{n}" for n in range(number - 2, number + 1)]
    assert "aggregate buckets" in short


@pytest.mark.parametrize("length", [3, 4, 8])
async def test_a_bucket_begun_by_a_worker_that_died_is_the_end(
    listened: Listened, tree: MessageTree, database: Database, length: int
) -> None:
    """The one before it is marked as the end as well, for good."""
    reader, _ = listened
    conversation = await planted(tree, line(length))
    buckets = Buckets(database.db, conversation.id, conversation.slot_width, SMALL)
    for _ in range(2):
        assert contents(await read(reader, conversation))[-1] == f"m{length - 1}"
    if length % 4:
        closed = {"$set": {"open": False}}  # by its bytes
        await database.db.buckets.update_one({"conversation_id": conversation.id, "tail": MAIN}, closed)
        assert contents(await read(reader, conversation))[-1] == f"m{length - 1}"
    message = Draft(MessageRole.USER, "after", author_id=conversation.owner_id).record(length)
    await buckets.start(MAIN, message, Lineage(Segment(MAIN, 0, 0)))
    for _ in range(2):
        assert contents(await read(reader, conversation))[-1] == "after"
    await append(tree, conversation, "and after that")
    assert contents(await read(reader, conversation))[-2:] == ["after", "and after that"]


async def test_what_is_deleted_or_removed_meanwhile_is_on_no_page(listened: Listened, tree: MessageTree) -> None:
    reader, _ = listened
    conversation = await planted(tree, line(10))
    for _ in range(2):
        await read(reader, conversation)
    await tree.delete(conversation, Address(MAIN, 8), None)
    page = await read(reader, await again(conversation))
    assert ["content" in row.message for row in page.rows] == [True, False, True]
    await tree.remove(conversation, Address(MAIN, 9), None)
    assert [row.address.depth for row in (await read(reader, await again(conversation))).rows] == [6, 7, 8]


@pytest.mark.parametrize("length", [3, 4])
async def test_a_conversation_that_is_taken_back_in_time_ends_where_it_did(
    listened: Listened, tree: MessageTree, database: Database, length: int
) -> None:
    """And goes on with other messages in a bucket of the same id."""
    reader, _ = listened
    conversation = await planted(tree, line(length))
    collections = (database.db.buckets, database.db.conversations)
    kept = [await each.find().to_list() for each in collections]
    for number in range(length, 6):
        await append(tree, conversation, f"m{number}")
    for _ in range(2):
        assert contents(await read(reader, await again(conversation)))[-1] == "m5"
    for collection, records in zip(collections, kept, strict=True):
        await collection.delete_many({})
        await collection.insert_many(records)
    assert contents(await read(reader, await again(conversation)))[-1] == f"m{length - 1}"
    for number in range(length, 6):
        await append(tree, conversation, f"other {number}")
        assert contents(await read(reader, await again(conversation)))[-1] == f"other {number}"
    for collection in collections:
        await collection.delete_many({})
    with pytest.raises(BranchNotFoundError):
        await reader.history(conversation).page("0" * 16, LAST)
    assert contents(await read(reader, conversation)) == []


async def test_a_bucket_is_read_for_its_own_conversation_only(tree: MessageTree, database: Database) -> None:
    mine, yours = await planted(tree, line(2)), await planted(tree, line(3))
    found = await database.db.buckets.find_one({"conversation_id": yours.id})
    assert found
    true = Slice(yours.id, found["_id"], 1, 9)
    got = await slices(database.db, Cuts(0)).get(
        [true, Slice(mine.id, found["_id"], 0, 9), Slice(mine.id, mine.id, 0, 9)]
    )
    assert list(got) == [true]
    assert {address.depth for address in got[true].messages} >= {1, 2}


async def test_a_bucket_after_another_has_the_id_that_is_looked_for(tree: MessageTree, database: Database) -> None:
    conversation = await planted(tree, line(3))
    for number in range(3, 9):
        await append(tree, conversation, f"m{number}")
    stored = {each["first_depth"]: each["_id"] async for each in database.db.buckets.find()}
    assert {depth: stored[depth] for depth in (4, 8)} == {
        depth: following(conversation.id, MAIN, depth) for depth in (4, 8)
    }
    assert len({following(PydanticObjectId(), MAIN, 4), following(conversation.id, MAIN, 5), *stored.values()}) == 5


async def test_a_bucket_begun_by_a_worker_of_an_earlier_version_that_died_is_found_once_it_is_counted(
    listened: Listened, tree: MessageTree, database: Database
) -> None:
    """Its id tells nothing, and the one before it is marked as the end for good."""
    reader, _ = listened
    conversation = await planted(tree, line(4), width=50)
    closed = {"$set": {"open": False}}  # by its bytes
    await database.db.buckets.update_one({"conversation_id": conversation.id, "tail": MAIN}, closed)
    for _ in range(2):
        assert contents(await read(reader, conversation))[-1] == "m3"
    buckets = Buckets(database.db, conversation.id, conversation.slot_width, SMALL)
    message = Draft(MessageRole.USER, "after", author_id=conversation.owner_id).record(4)
    bucket = buckets.record(MAIN, [message], Lineage(Segment(MAIN, 0, 0)), tail=True)
    await database.db.buckets.insert_one(bucket)
    await append(tree, conversation, "and after that")
    assert contents(await read(reader, await again(conversation)))[-2:] == ["after", "and after that"]


async def test_what_is_large_is_not_read_together_with_others(
    listened: Listened, tree: MessageTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither what comes before a small page, nor what comes after one."""
    reader, commands = listened
    monkeypatch.setattr("models.tree.history.SHARED", 1_000)
    conversation = await planted(tree, [sprout(None, "x" * 1_500), sprout(0, "m1"), sprout(1, "m2")], width=50)

    async def together(window: Window) -> bool:
        with commands.during() as sent:
            await read(reader, conversation, window)
        return any(each.name == "aggregate" for each in sent)

    last, first = Window(last=1), Window(first=1)
    assert [await together(each) for each in (last, last, first, last, last)] == [False, True, False, False, True]
    await append(tree, conversation, "y" * 1_500)
    assert await together(last), "nobody knew of it"
    assert [await together(last) for _ in range(2)] == [False, False]
