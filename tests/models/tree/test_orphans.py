"""What dead writers leave is swept away, and nothing that a living one is at, whenever the sweep comes."""

from datetime import timedelta
from typing import Any, cast

import pytest
from beanie import PydanticObjectId

from models.bucket import MessageRole
from models.clock import now
from models.conversation import Conversation
from models.database import Database
from models.tree import MAIN, Address, Draft, MessageTree
from models.tree.errors import ContentionError, UnderWayError
from models.tree.orphans import Swept
from models.tree.plant import Sprout
from tests.models.tree.conftest import SMALL, unborn
from tests.models.tree.faults import Crash, Meeting, Mortal
from tests.models.tree.trees import line, planted
from tests.models.tree.wellformed import check_well_formed

NOTHING = Swept()
KEYED = Draft(MessageRole.USER, "again", author_id=PydanticObjectId(), idempotency_key="key")
PARENT = Address(MAIN, 1)
WRITES = 12
"""More than any of these has: the last ones show that nothing goes wrong by itself."""


def sprouts() -> list[Sprout]:
    """A line with two forks, in several batches of buckets."""
    made = [Sprout(n - 1 if n else None, MessageRole.USER, "x" * 1_900, now()) for n in range(10)]
    return [*made, Sprout(3, MessageRole.USER, "fork", now()), Sprout(5, MessageRole.USER, "fork", now())]


@pytest.fixture(autouse=True)
def batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.tree.plant.BATCH_BYTES", 8_000)


async def _late(database: Database) -> Swept:
    """A sweep that takes everybody for dead."""
    return await MessageTree(database.db, SMALL).sweep(now() + timedelta(days=1))


async def _left(database: Database, conversation: Conversation) -> list[str]:
    """Collections in which there is something of it."""
    within = {"conversation_id": conversation.id}
    queries = {"buckets": within, "branches": within, "plantings": {"_id": conversation.id}}
    return [name for name, query in queries.items() if await database.db[name].find_one(query)]


async def _check(database: Database, conversation: Conversation) -> bool:
    """It is there and whole, or there is nothing of it. Which."""
    if await database.db.conversations.find_one({"_id": conversation.id}):
        await check_well_formed(database.db, conversation.id)
        buckets = database.db.buckets.find({"conversation_id": conversation.id})
        assert sum([len(bucket["messages"]) async for bucket in buckets]) == len(sprouts())
        return True
    assert await _left(database, conversation) == []
    return False


@pytest.mark.parametrize("at", range(1, WRITES))
async def test_a_planting_that_died_is_let_be_while_it_may_go_on_and_swept_away_later(
    database: Database, at: int
) -> None:
    conversation, db = unborn(), Mortal(database.db, at)
    try:
        await MessageTree(cast(Any, db), SMALL).plant(conversation, sprouts(), None)
    except Crash:
        there = await _left(database, conversation)
        assert await MessageTree(database.db, SMALL).sweep(now() - timedelta(days=1)) == NOTHING
        assert await _left(database, conversation) == there
    await _late(database)
    whole = await _check(database, conversation)
    assert await MessageTree(database.db, SMALL).plant(conversation, sprouts(), None) is not whole
    assert await _check(database, conversation)
    assert await _late(database) == NOTHING
    assert "plantings" not in await _left(database, conversation)


@pytest.mark.parametrize("at", range(1, WRITES))
async def test_a_sweep_in_the_middle_of_a_planting_takes_all_or_nothing(database: Database, at: int) -> None:
    conversation, db = unborn(), Meeting(database.db, at)
    db.work = lambda: _late(database)
    try:
        await MessageTree(cast(Any, db), SMALL).plant(conversation, sprouts(), None)
    except ContentionError:
        await _late(database)
        assert not await _check(database, conversation)
        await MessageTree(database.db, SMALL).plant(conversation, sprouts(), None)
    assert await _check(database, conversation)


@pytest.mark.parametrize("at", range(1, WRITES))
async def test_a_planting_in_the_middle_of_a_sweep_is_refused_or_whole(database: Database, at: int) -> None:
    conversation, dying = unborn(), Mortal(database.db, 4)
    with pytest.raises(Crash):
        await MessageTree(cast(Any, dying), SMALL).plant(conversation, sprouts(), None)
    db = Meeting(database.db, at)

    async def plant() -> None:
        try:
            await MessageTree(database.db, SMALL).plant(conversation, sprouts(), None)
        except ContentionError:
            assert await database.db.conversations.find_one({"_id": conversation.id}) is None

    db.work = plant
    await MessageTree(cast(Any, db), SMALL).sweep(now() + timedelta(days=1))
    await _late(database)
    await _check(database, conversation)


async def test_two_that_plant_the_same_leave_no_note(database: Database, tree: MessageTree) -> None:
    conversation, db, same = unborn(), Meeting(database.db, 3), sprouts()
    db.work = lambda: tree.plant(conversation, same, None)
    await MessageTree(cast(Any, db), SMALL).plant(conversation, same, None)
    assert await _late(database) == NOTHING
    assert await _check(database, conversation)
    assert await database.db.plantings.count_documents({}) == 0


@pytest.mark.parametrize("at", range(1, WRITES))
async def test_of_two_texts_at_once_one_wins_whole_and_the_other_is_told(database: Database, at: int) -> None:
    conversation, db = unborn(), Meeting(database.db, at)
    other = [Sprout(n - 1 if n else None, MessageRole.USER, "y" * 1_900, now()) for n in range(23)]
    outcomes: list[str] = []

    async def plant(db: Any, what: list[Sprout]) -> None:
        try:
            outcomes.append("stored" if await MessageTree(db, SMALL).plant(conversation, what, None) else "there")
        except UnderWayError:
            outcomes.append("refused")

    db.work = lambda: plant(database.db, other)
    await plant(db, sprouts())
    assert db.happened or outcomes == ["stored"]
    assert outcomes.count("stored") == 1
    buckets = await database.db.buckets.find({"conversation_id": conversation.id}).to_list()
    said = {message["content"][0] for bucket in buckets for message in bucket["messages"]}
    assert said in ({"x", "f"}, {"y"})
    assert sum(len(bucket["messages"]) for bucket in buckets) == (23 if said == {"y"} else len(sprouts()))
    await check_well_formed(database.db, conversation.id)
    assert await database.db.plantings.count_documents({}) == 0


async def test_another_text_waits_until_the_first_has_been_idle_for_a_minute(database: Database) -> None:
    conversation, dying = unborn(), Mortal(database.db, 4)
    with pytest.raises(Crash):
        await MessageTree(cast(Any, dying), SMALL).plant(conversation, sprouts(), None)
    tree, other = MessageTree(database.db, SMALL), sprouts()[:5]
    with pytest.raises(UnderWayError):
        await tree.plant(conversation, other, None)
    note = {"_id": conversation.id}
    await database.db.plantings.update_one(note, {"$set": {"at": now() - timedelta(minutes=2)}})
    assert await tree.plant(conversation, other, None)
    buckets = await database.db.buckets.find({"conversation_id": conversation.id}).to_list()
    assert sum(len(bucket["messages"]) for bucket in buckets) == 5
    await check_well_formed(database.db, conversation.id)
    assert await _left(database, conversation) == ["buckets", "branches"]


async def _branches(database: Database, conversation: Conversation) -> tuple[set[str], set[str]]:
    within = {"conversation_id": conversation.id}
    named = {each["branch"] async for each in database.db.branches.find(within)}
    return named, {each["branch"] async for each in database.db.buckets.find(within)}


@pytest.mark.parametrize("at", range(1, 8))
async def test_a_fork_that_died_is_completed_or_swept_away(tree: MessageTree, database: Database, at: int) -> None:
    conversation, db = await planted(tree, line(4)), Mortal(database.db, at)
    died = False
    try:
        await MessageTree(cast(Any, db), SMALL).append(conversation, PARENT, KEYED)
    except Crash:
        died = True
        before = await _branches(database, conversation)
        assert await tree.sweep(now() - timedelta(days=1)) == NOTHING
        assert await _branches(database, conversation) == before
    swept = await _late(database)
    named, stored = await _branches(database, conversation)
    assert named == stored
    assert died or swept == NOTHING
    assert await database.db.buckets.count_documents({"unnumbered": {"$exists": True}}) == 0
    appended = await tree.append(conversation, PARENT, KEYED)
    assert appended.message["content"] == "again"
    await check_well_formed(database.db, conversation.id)
    assert await _late(database) == NOTHING


@pytest.mark.parametrize("at", range(1, 6))
@pytest.mark.parametrize("died_at", [1, 2, 3])
async def test_a_retry_beside_a_sweep_loses_no_message(
    tree: MessageTree, database: Database, at: int, died_at: int
) -> None:
    conversation = await planted(tree, line(4))
    dying = MessageTree(cast(Any, Mortal(database.db, died_at)), SMALL)
    with pytest.raises(Crash):
        await dying.append(conversation, PARENT, KEYED)
    for worker in ("retry", "sweep"):
        db = Meeting(database.db, at)
        other = MessageTree(cast(Any, db), SMALL)
        if worker == "retry":
            db.work = lambda: _late(database)
            appended = await other.append(conversation, PARENT, KEYED)
        else:
            db.work = lambda: tree.append(conversation, PARENT, KEYED)
            await other.sweep(now() + timedelta(days=1))
            appended = await tree.append(conversation, PARENT, KEYED)
        found = (await tree.history(conversation).rows([appended.address]))[appended.address]
        assert found.message["content"] == "again"
        await check_well_formed(database.db, conversation.id)
