"""Usage of some time: found by the time, whatever else its asker has, and whatever workers do meanwhile."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import pytest
from beanie import PydanticObjectId
from bson import ObjectId

from models.bucket import MessageRole, Metadata
from models.clock import now
from models.conversation import Conversation
from models.database import Database, Record
from models.list_terms import highest_level
from models.tree import MAIN, Address, Draft, MessageTree
from models.usage import reach as reach_module
from models.usage import recent as recent_module
from models.usage.errors import TooMuchUsageError
from models.usage.question import UsageDimension, UsageFilter, UsageQuestion
from models.usage.reach import UsageReach
from models.usage.rebuild import rebuild
from models.usage.repair import adopt, settle
from models.usage.rollup import Rollup
from models.usage.usage import Report
from tests.database_calls import database_calls
from tests.models.tree.conftest import SMALL, unborn
from tests.models.usage.recount import ask, everything, readable, recount

OWNER: Final = PydanticObjectId()
OTHER: Final = PydanticObjectId()
LATELY: Final = datetime(2026, 6, 1, tzinfo=UTC)
LONG_AGO: Final = LATELY - timedelta(days=100)
RECENT: Final = UsageQuestion([UsageDimension.MODEL], wanted=UsageFilter(since=LATELY))


@pytest.fixture
def tree(database: Database) -> MessageTree:
    return MessageTree(database.db, SMALL)


def reach(owner: PydanticObjectId = OWNER, metadata: Sequence[Record] = ({},)) -> UsageReach:
    return UsageReach([{"owner_id": {"$eq": owner}}], [{"owner_id": owner}], [{}], metadata)


async def written(tree: MessageTree, at: datetime, messages: int = 6, owner: PydanticObjectId = OWNER) -> Conversation:
    made: Conversation = unborn().model_copy(update={"owner_id": owner})
    await tree.start(made)
    for _ in range(messages):
        metadata = Metadata(llm_model="m", tokens_used=1)
        await tree.append_at_end(made, MAIN, Draft(MessageRole.USER, "said", created_at=at, metadata=metadata))
    return made


async def counted(database: Database, of: UsageReach | None = None, wanted: UsageFilter = RECENT.wanted) -> int:
    return (await ask(database.db, UsageQuestion(wanted=wanted), of or reach())).total.messages


async def test_what_was_long_ago_costs_no_calls_and_is_not_even_listed(database: Database, tree: MessageTree) -> None:
    await written(tree, LATELY)
    costs: list[list[tuple[str, str]]] = []
    for _ in range(2):
        await Rollup(database.db).run()
        with database_calls(own=True) as calls:
            assert await counted(database) == 6
        costs.append(calls)
        for _ in range(5):
            await written(tree, LONG_AGO, 1)
    pages, conversations, buckets = ("aggregate", "tallies"), ("aggregate", "conversations"), ("find", "buckets")
    assert costs[0] == costs[1] == [buckets, pages, pages, conversations, buckets, pages, pages]


async def test_nobody_is_told_of_what_is_another_one_s(database: Database, tree: MessageTree) -> None:
    await written(tree, LATELY)
    theirs = await written(tree, LATELY, 3, OTHER)
    for _ in range(2):
        assert (await counted(database), await counted(database, reach(OTHER))) == (6, 3)
        assert await counted(database, wanted=UsageFilter(since=LATELY, owner_id=OTHER)) == 0
        either = UsageReach(
            [{"owner_id": {"$eq": OWNER}}, {"tags": "x"}],
            [{"owner_id": OWNER}, {}],
            [{"tags": {"$ne": "secret"}}],
            [{}],
        )
        assert await counted(database, either) == 6
        await theirs.change({"tags": ["x"]})
        assert await counted(database, either) == 9
        await theirs.change({"tags": ["x", "secret"]})
        assert await counted(database, either) == 6
        await theirs.change({"tags": []})
        await Rollup(database.db).run()


async def test_metadata_that_may_not_be_read_is_withheld(database: Database, tree: MessageTree) -> None:
    await written(tree, LATELY)
    tagged = await written(tree, LATELY, 3)
    await tagged.change({"tags": ["open"]})
    total = (await ask(database.db, RECENT, reach(metadata=[{"tags": "open"}]))).total
    assert (total.messages, total.withheld, total.tokens_used) == (9, 6, 3)


async def test_where_much_was_written_conversations_are_listed(
    database: Database, tree: MessageTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent_module, "MOST", 1)
    for _ in range(2):
        await written(tree, LATELY, 4)
    await Rollup(database.db).run()
    assert await counted(database) == 8
    for number in (3, 4):
        await written(tree, LATELY, 4)
        with database_calls(own=True) as calls:
            assert await counted(database) == 4 * number
        assert calls[-3:] == [("aggregate", "conversations"), ("find", "buckets"), ("aggregate", "tallies")]
        await Rollup(database.db).run()


async def test_of_everything_too_only_what_was_lately_is_looked_at(database: Database, tree: MessageTree) -> None:
    await written(tree, LATELY)
    costs: list[list[tuple[str, str]]] = []
    for number in range(2):
        await Rollup(database.db).run()
        with database_calls(own=True) as calls:
            assert await counted(database, everything()) == 6 + 3 * number
        costs.append(calls)
        await written(tree, LATELY, 3, OTHER)
        for _ in range(5):
            await written(tree, LONG_AGO, 1)
    pages, conversations, buckets = ("aggregate", "tallies"), ("aggregate", "conversations"), ("find", "buckets")
    assert costs[0] == costs[1] == [buckets, pages, conversations, buckets, pages]
    assert await counted(database, everything(), UsageFilter(since=LATELY, owner_id=OTHER)) == 6
    assert await counted(database, everything(), UsageFilter()) == 22


async def test_everything_is_listed_where_much_was_written_and_refused_where_that_is_too_much(
    database: Database, tree: MessageTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    for owner in (OWNER, OTHER):
        await written(tree, LATELY, 4, owner)
    await Rollup(database.db).run()
    monkeypatch.setattr(recent_module, "MOST_OF_ALL", 1)
    assert await counted(database, everything()) == 8
    monkeypatch.setattr(reach_module, "MOST_CONVERSATIONS", 2)
    assert await counted(database, everything()) == 8
    high = next(id_ for number in range(100_000) if highest_level(id_ := PydanticObjectId(f"{number:024x}")) == 2)
    made = unborn().model_copy(update={"id": high, "owner_id": OTHER, "attributes": {"region": "EMEA"}})
    await tree.start(made)
    region = {"attributes.region": "EMEA"}
    for much in (everything(), UsageReach([region], [region], [{}], [{}])):
        with database_calls(own=True) as calls, pytest.raises(TooMuchUsageError):
            await counted(database, much)
        assert ("aggregate", "conversations") not in calls  # what would take long isn't begun
    other = {"attributes.region": "APAC"}
    assert await counted(database, UsageReach([other], [other], [{}], [{}])) == 0
    assert await counted(database) == 4


async def old_worker(database: Database) -> None:
    """Whose pages and buckets don't say whose they are."""
    for name in ("tallies", "buckets"):
        await database.db[name].update_many({}, {"$unset": {"owner_id": ""}})


async def test_what_an_older_worker_wrote_counts_and_is_put_right(database: Database, tree: MessageTree) -> None:
    conversation = await written(tree, LATELY)
    await old_worker(database)
    assert await counted(database) == 6
    await Rollup(database.db).run()
    assert {each["owner_id"] async for each in database.db.buckets.find({})} == {OWNER}
    await old_worker(database)
    await tree.append_at_end(conversation, MAIN, Draft(MessageRole.USER, "said", created_at=LATELY))
    assert await counted(database) == 7
    gone = {"conversation_id": ObjectId(), "branch": MAIN, "page": 0, "buckets": {}}
    await database.db.tallies.insert_one(gone)
    assert [await adopt(database.db) for _ in range(2)] == [2, 0]
    assert await counted(database) == 7


class Meanwhile:
    """A database at whose call number `at` something else is done first."""

    def __init__(self, db: Any, at: int, act: Callable[[], Awaitable[object]]) -> None:
        self._db, self._left, self._act = db, at, act
        self.done = False

    def __getattr__(self, name: str) -> Any:
        return _Collection(self._db[name], self)

    async def step(self) -> None:
        self._left -= 1
        if self._left == -1:
            self.done = True
            await self._act()


class _Collection:
    def __init__(self, collection: Any, meanwhile: Meanwhile) -> None:
        self._collection, self._meanwhile = collection, meanwhile

    async def aggregate(self, *args: Any, **more: Any) -> Any:
        await self._meanwhile.step()
        return await self._collection.aggregate(*args, **more)

    def find(self, *args: Any, **more: Any) -> "_Cursor":
        return _Cursor(self._collection.find(*args, **more), self._meanwhile)


class _Cursor:
    def __init__(self, cursor: Any, meanwhile: Meanwhile) -> None:
        self._cursor, self._meanwhile = cursor, meanwhile

    def limit(self, number: int) -> "_Cursor":
        return _Cursor(self._cursor.limit(number), self._meanwhile)

    async def to_list(self) -> Any:
        await self._meanwhile.step()
        return await self._cursor.to_list()

    async def __aiter__(self) -> Any:
        await self._meanwhile.step()
        async for each in self._cursor:
            yield each


async def work(database: Database, tree: MessageTree) -> None:
    """All that workers do, which changes nothing that is seen."""
    await Rollup(database.db).run()
    await settle(database.db, now() + timedelta(seconds=1))
    await adopt(database.db)
    await rebuild(database.db)
    await tree.purge(now() + timedelta(seconds=1))
    await Rollup(database.db).run()


async def mixed(database: Database, tree: MessageTree, *, old: bool) -> None:
    """Something rolled up, something not yet, and something removed."""
    conversation = await written(tree, LATELY, 3)
    await written(tree, LATELY, 1, OTHER)
    await Rollup(database.db).run()
    await tree.remove(conversation, Address(MAIN, 2), None)
    await written(tree, LATELY, 1)
    if old:
        await old_worker(database)


@pytest.mark.parametrize("whole", [False, True])
async def test_what_workers_do_in_the_middle_of_a_question_changes_no_answer(
    database: Database, tree: MessageTree, whole: bool
) -> None:
    """At every call of it: nothing counts twice, or is left out, or counts though it is gone."""
    moments = 0
    while True:
        for collection in ("conversations", "branches", "buckets", "tallies", "deletions"):
            await database.db[collection].delete_many({})
        await mixed(database, tree, old=moments % 2 == 1)
        expected: Report = recount(
            [each for each in await readable(database.db, tree) if whole or each[0].owner_id == OWNER], RECENT
        )
        assert expected.total.messages == 3 + whole
        meanwhile = Meanwhile(database.db, moments // 2, lambda: work(database, tree))
        assert await ask(cast(Any, meanwhile), RECENT, everything() if whole else reach()) == expected
        if not meanwhile.done:
            break
        moments += 1
    assert moments >= (10 if whole else 14)
