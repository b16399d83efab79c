"""A worker that dies when a message is stored, and nobody who sends it again: it is counted, and its readers hear."""

import asyncio
import contextlib
from datetime import timedelta
from typing import Final

import pytest
from beanie import PydanticObjectId

from models.bucket import MessageRole
from models.database import Database
from models.tree import MAIN, Address, Draft, MessageTree
from models.tree.recount import recount
from models.usage.rollup import Rollup
from resolvers.chat.counting import NewsCheck
from resolvers.chat.events import channel
from resolvers.live import MemoryBroker, Resync
from tests.models.tree.conftest import SMALL
from tests.models.tree.faults import Crash, Mortal
from tests.models.tree.test_crash import OPERATIONS, Operation, Scene, scenes, theirs
from tests.models.tree.trees import line, planted

DYING: Final = Draft(role=MessageRole.USER, content="not sent again", author_id=PydanticObjectId())
PATIENCE_SECONDS: Final = 10
SOME: Final = [
    each for each in OPERATIONS if each.name in ("a push", "a new bucket", "a first fork", "another first message")
]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is given the time to count what he has just stored."""
    monkeypatch.setattr("models.tree.latecomers.SETTLED", timedelta(seconds=-1))


async def figures(scene: Scene) -> tuple[int, int]:
    now = await scene.now()
    return now.message_count, now.branch_count


@pytest.mark.parametrize("operation", SOME, ids=lambda operation: operation.name)
async def test_what_was_stored_when_its_worker_died_is_counted_and_has_a_number(
    database: Database, operation: Operation, at_once: None
) -> None:
    async for at, scene in scenes(database, operation):
        before = await scene.now()
        worker, db = scene.faulty(Mortal, at)
        with contextlib.suppress(Crash):
            await operation.attempt(worker, scene.conversation, DYING)
        for _ in range(2):
            await Rollup(database.db).run()
        found = await figures(scene)
        assert (await scene.now()).news - before.news == found[0] - before.message_count
        assert await recount(database.db, scene.conversation.id)
        assert await figures(scene) == found
        if not db.happened:
            return


async def test_it_is_left_to_whoever_is_about_to_count_it(database: Database) -> None:
    tree = MessageTree(database.db, SMALL)
    scene = Scene(database, await planted(tree, line(2)))
    await Rollup(database.db).run()
    worker, _ = scene.faulty(Mortal, 2)  # the first notes who writes here
    with contextlib.suppress(Crash):
        await worker.append(scene.conversation, Address(MAIN, 1), DYING)
    assert await Rollup(database.db).run() == 0
    assert (await scene.now()).message_count == 2
    assert await database.db.buckets.count_documents({"uncounted": True}) == 1


async def test_what_is_counted_and_long_since_forgotten_is_not_counted_again(database: Database, at_once: None) -> None:
    """Nor what came with its conversation."""
    tree = MessageTree(database.db, SMALL)
    scene = Scene(database, await planted(tree, line(3)))
    for number in range(40):
        await tree.append_at_end(await scene.now(), MAIN, theirs(str(number)))
    await Rollup(database.db).run()
    assert (await scene.now()).message_count == 43


async def test_who_follows_the_conversation_is_told_to_read_anew(database: Database, at_once: None) -> None:
    scene = Scene(database, await planted(MessageTree(database.db, SMALL), line(2)))
    broker = MemoryBroker(hole_ms=0)
    async with broker.subscribe(channel(scene.conversation.id)) as news, asyncio.timeout(PATIENCE_SECONDS):
        check = NewsCheck(database.db, broker)
        await check.run()
        worker, _ = scene.faulty(Mortal, 2)  # the first notes who writes here
        with contextlib.suppress(Crash):
            await worker.append(scene.conversation, Address(MAIN, 1), DYING)
        await Rollup(database.db).run()
        await check.run()
        assert isinstance(await anext(aiter(news)), Resync)
