"""Rolling up, by several at once and with what happens in between."""

import contextlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

import pytest
from beanie import PydanticObjectId

from models.bucket import MessageRole, Metadata
from models.clock import now
from models.conversation import Conversation
from models.database import Database, Record
from models.migrations import migrate
from models.tree import MAIN, Address, Draft, MessageTree
from models.tree.buckets import Buckets
from models.tree.lineage import UNNUMBERED, Lineage, Segment
from models.usage import rollup as rolling
from models.usage.outbox import FIELDS
from models.usage.packing import pack
from models.usage.question import UsageQuestion
from models.usage.rebuild import rebuild
from models.usage.repair import settle
from models.usage.rollup import Rollup
from tests.models.tree.conftest import SMALL, started, unborn
from tests.models.tree.faults import Crash, Mortal
from tests.models.usage.recount import ask

SAYS = Draft(MessageRole.USER, "said", metadata=Metadata(llm_model="m", tokens_used=1, latency_ms=10))


@pytest.fixture
def tree(database: Database) -> MessageTree:
    return MessageTree(database.db, SMALL)


@pytest.fixture
async def conversation(tree: MessageTree) -> Conversation:
    """Of six messages, in two buckets."""
    made = await started(tree)
    for _ in range(6):
        await tree.append_at_end(made, MAIN, SAYS)
    return made


def made_of(buckets: Sequence[Record]) -> list[rolling._Made]:
    """What a worker has made of them when it stands still."""
    return [rolling._Made(each, pack(each["messages"]), PydanticObjectId()) for each in buckets]


async def counted(database: Database) -> int:
    return (await ask(database.db, UsageQuestion())).total.messages


async def marks(database: Database) -> int:
    return len(await database.db.buckets.find({"uncounted": True}).to_list())


async def tallies(database: Database) -> list[Record]:
    """Of all buckets."""
    return [entry async for page in database.db.tallies.find({}) for entry in page.get("buckets", {}).values()]


async def test_what_is_rolled_up_is_unmarked_and_counts_without_being_read(
    database: Database, conversation: Conversation
) -> None:
    assert await Rollup(database.db).run() == 2
    assert await marks(database) == 0
    await database.db.buckets.delete_many({})
    assert await counted(database) == 6


async def test_a_slow_worker_does_not_put_an_old_tally_over_a_new_one(
    database: Database, tree: MessageTree, conversation: Conversation
) -> None:
    """It has read the bucket, and stands still while others add a message and roll it up."""
    found = await database.db.buckets.find({}, FIELDS).to_list()
    old = made_of(found)
    await tree.append_at_end(conversation, MAIN, SAYS)
    await Rollup(database.db).run()
    await database.db.tallies.bulk_write([rolling._stored(each, "slow") for each in old])
    await database.db.buckets.bulk_write([rolling._unmarked(each) for each in old])
    await database.db.tallies.bulk_write([rolling._final(each, "slow") for each in old])
    assert await counted(database) == 7


async def test_a_message_that_comes_between_reading_and_unmarking_leaves_the_mark(
    database: Database, tree: MessageTree, conversation: Conversation
) -> None:
    found = await database.db.buckets.find({}, FIELDS).to_list()
    await tree.append_at_end(conversation, MAIN, SAYS)
    await database.db.buckets.bulk_write([rolling._unmarked(each) for each in made_of(found)])
    assert await marks(database) == 1


async def test_a_tally_whose_bucket_went_meanwhile_never_counts(database: Database, conversation: Conversation) -> None:
    """Two workers at one bucket, which is purged between their steps."""
    found = await database.db.buckets.find({}, FIELDS).to_list()
    made = made_of(found)
    await database.db.tallies.bulk_write([rolling._stored(each, "one") for each in made])
    await database.db.buckets.delete_many({})
    await database.db.tallies.delete_many({})
    await database.db.tallies.bulk_write([rolling._stored(each, "other") for each in made])
    await database.db.tallies.bulk_write([rolling._final(each, "one") for each in made])
    assert len(await tallies(database)) == 2
    assert await counted(database) == 0


async def test_a_fork_that_nobody_can_find_yet_does_not_count(database: Database, conversation: Conversation) -> None:
    own = Segment("0123456789abcdef", 1, UNNUMBERED)
    lineage = Lineage(Segment(MAIN, 0, 0)).child(own)
    buckets = Buckets(database.db, conversation.id, conversation.slot_width, SMALL)
    await buckets.start(own.branch, SAYS.record(1), lineage)
    assert await Rollup(database.db).run() == 2
    assert (await counted(database), await marks(database)) == (6, 1)


async def test_an_import_whose_conversation_is_not_there_yet_does_not_count(
    database: Database, tree: MessageTree, conversation: Conversation
) -> None:
    half = unborn()
    buckets = Buckets(database.db, half.id, half.slot_width, SMALL)
    await buckets.start(MAIN, SAYS.record(0), Lineage(Segment(MAIN, 0, 0)))
    assert await Rollup(database.db).run() == 2
    assert await counted(database) == 6


async def test_rebuilding_puts_right_whatever_is_wrong_and_answers_meanwhile(
    database: Database, tree: MessageTree, conversation: Conversation
) -> None:
    await Rollup(database.db).run()
    page = await database.db.tallies.find_one({})
    assert page
    first, second = page["buckets"]
    broken = page["buckets"][first] | {"changes": 2**31, "data": page["buckets"][second]["data"]}
    ghost = {f"buckets.{PydanticObjectId()}": broken, f"buckets.{first}": broken}
    await database.db.tallies.update_one({"_id": page["_id"]}, {"$set": ghost, "$unset": {f"buckets.{second}": ""}})
    assert await counted(database) != 6
    seen: list[int] = []
    assert await rebuild(database.db, seen.append) == 2
    assert await counted(database) == 6
    assert len(await tallies(database)) == 2
    assert not any("pending" in entry for entry in await tallies(database))
    assert seen[-1] == 2


async def test_what_is_purged_takes_its_tallies_along(
    database: Database, tree: MessageTree, conversation: Conversation
) -> None:
    await Rollup(database.db).run()
    await tree.remove(conversation, Address(MAIN, 3), None)
    await tree.purge(now())
    await Rollup(database.db).run()
    assert (await counted(database), len(await tallies(database))) == (3, 1)
    found = await Conversation.get(conversation.id)
    assert found
    await tree.close(found, None)
    await tree.purge(now())
    assert await tallies(database) == []


async def test_more_marks_than_are_listed_at_a_time(
    database: Database, tree: MessageTree, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rolling, "LISTED", 2)
    for _ in range(3):
        await tree.append_at_end(await started(tree), MAIN, SAYS)
    assert await Rollup(database.db).run() == 5
    assert await marks(database) == 0


async def test_what_a_worker_that_died_left_pending_is_made_final_by_another(
    database: Database, conversation: Conversation
) -> None:
    """After each of its writes; what may still be in the making is left alone."""
    for at in range(1, 4):
        await database.db.tallies.delete_many({})
        await database.db.buckets.update_many({}, {"$set": {"uncounted": True}})
        with contextlib.suppress(Crash):
            await Rollup(cast(Any, Mortal(database.db, at))).run()
        await Rollup(database.db).run()
        await settle(database.db, now() - timedelta(minutes=1))
        left = [entry for entry in await tallies(database) if "pending" in entry]
        assert bool(left) is (at == 2)  # after the unmarking
        await settle(database.db, now() + timedelta(seconds=1))
        assert not any("pending" in entry for entry in await tallies(database))
        assert await database.db.tallies.find({"pending_at": {"$exists": True}}).to_list() == []
        assert (await counted(database), len(await tallies(database))) == (6, 2)


async def test_what_is_pending_and_has_no_bucket_any_more_is_dropped(
    database: Database, conversation: Conversation
) -> None:
    found = await database.db.buckets.find({}, FIELDS).to_list()
    await database.db.tallies.bulk_write([rolling._stored(each, "dead") for each in made_of(found)])
    await database.db.buckets.delete_one({"_id": found[0]["_id"]})
    assert await settle(database.db, now() + timedelta(seconds=1)) == 1
    assert len(await tallies(database)) == 1
    assert await settle(database.db, now() + timedelta(seconds=1)) == 0


async def test_the_migration_tells_what_is_stored_whose_it_is(database: Database, conversation: Conversation) -> None:
    found = await database.db.buckets.find({}, FIELDS).to_list()
    await database.db.tallies.bulk_write([rolling._stored(each, "dead") for each in made_of(found)])
    await database.db.tallies.update_many({}, {"$unset": {"owner_id": "", "pending_at": ""}})
    await database.db.buckets.update_many({}, {"$unset": {"owner_id": ""}})
    await database.db.migrations.delete_one({"_id": "0016_usage_by_owner"})
    assert await migrate(database.db) == ["0016_usage_by_owner"]
    for name in ("tallies", "buckets"):
        assert {each["owner_id"] async for each in database.db[name].find({})} == {conversation.owner_id}
    assert await settle(database.db, now() + timedelta(seconds=1)) == 1
    assert not any("pending" in entry for entry in await tallies(database))
