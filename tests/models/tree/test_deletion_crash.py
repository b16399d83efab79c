"""A worker that dies after any write of a deletion, a restoration or a purge; and a store that gets a write twice."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any, cast

import pytest
from beanie import PydanticObjectId

from models.clock import now
from models.conversation import Conversation
from models.database import Database
from models.tree import MAIN, Address, MessageTree, Window
from models.tree.address import keyed_branch
from tests.models.tree.conftest import SMALL
from tests.models.tree.faults import Crash, Faulty, Mortal, Repeating
from tests.models.tree.trees import line, planted, sprout
from tests.models.tree.wellformed import check_well_formed

ALICE = PydanticObjectId()
MIDDLE = Address(MAIN, 5)
Act = Callable[[MessageTree, Conversation], Awaitable[Any]]


class Scene:
    """m0 … m10 on the first branch; one that left after m2, one after m6, and one that left that."""

    conversation: Conversation
    fork: Address

    def __init__(self, database: Database) -> None:
        self.db = database.db
        self.tree = MessageTree(database.db, SMALL)

    async def grow(self) -> "Scene":
        fork = [sprout(2 if n == 0 else 10 + n, f"on the fork {n}") for n in range(6)]
        below = [sprout(6, "below"), sprout(17, "further below"), sprout(17, "beside that")]
        self.conversation = await planted(self.tree, [*line(11), *fork, *below])
        self.fork = Address(keyed_branch(self.conversation.id, 11), 3)
        return self

    async def now(self) -> Conversation:
        found = await Conversation.get(self.conversation.id)
        assert found
        return found

    async def do(self, act: Act) -> None:
        await act(self.tree, await self.now())

    async def seen(self) -> list[tuple[str | None, ...]]:
        """Every path that can be read, and the figures."""
        current = await self.now()
        if current.deleted:
            return []
        history = self.tree.history(current)
        names = await self.db.branches.distinct("branch", {"conversation_id": current.id})
        pages = [await history.page(name, Window(first=50)) for name in await history.ends(names)]
        figures = (f"{current.message_count} messages", f"{current.branch_count} branches")
        paths = [tuple(row.message.get("content") for row in page.rows) for page in pages]
        counts = [tuple(f"{row.sibling_index}/{row.sibling_count}" for row in page.rows) for page in pages]
        return sorted([figures, *paths, *counts], key=str)


@dataclass(frozen=True)
class Operation:
    """Something done to a scene, after something else."""

    name: str
    act: Callable[[Scene], Act]
    before: Callable[[Scene], Act] | None = None


def delete(scene: Scene) -> Act:
    return lambda tree, conversation: tree.delete(conversation, MIDDLE, ALICE)


def remove(where: str) -> Callable[[Scene], Act]:
    def of(scene: Scene) -> Act:
        place = {"middle": MIDDLE, "fork": scene.fork, "all": Address(MAIN, 0)}[where]
        return lambda tree, conversation: tree.remove(conversation, place, ALICE)

    return of


def restore(scene: Scene) -> Act:
    return lambda tree, conversation: tree.restore(conversation, MIDDLE)


def close(scene: Scene) -> Act:
    return lambda tree, conversation: tree.close(conversation, ALICE)


def purge(scene: Scene) -> Act:
    return lambda tree, conversation: tree.purge(now() + timedelta(days=1))


OPERATIONS = [
    Operation("a tombstone", delete),
    Operation("a tombstone restored", restore, delete),
    Operation("a tombstone purged", purge, delete),
    Operation("a subtree", remove("middle")),
    Operation("a subtree restored", restore, remove("middle")),
    Operation("a subtree purged", purge, remove("middle")),
    Operation("a whole branch purged", purge, remove("fork")),
    Operation("everything purged", purge, remove("all")),
    Operation("a conversation", close),
    Operation("a conversation restored", lambda _: lambda tree, each: tree.reopen(each), close),
]
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


async def scene_for(database: Database, operation: Operation) -> Scene:
    scene = await Scene(database).grow()
    if operation.before:
        await scene.do(operation.before(scene))
    return scene


@each_operation
async def test_a_crash_leaves_what_was_or_what_will_be_and_the_next_try_completes_it(
    database: Database, operation: Operation
) -> None:
    scene = await scene_for(database, operation)
    before = await scene.seen()
    await scene.do(operation.act(scene))
    after = await scene.seen()
    for at in count(1):
        scene = await scene_for(database, operation)
        mortal = Mortal(scene.db, at)
        with contextlib.suppress(Crash):
            await operation.act(scene)(MessageTree(cast(Any, mortal), SMALL), await scene.now())
        assert await scene.seen() in (before, after)
        await check_well_formed_unless_purging(scene)
        await scene.do(operation.act(scene))
        assert await scene.seen() == after
        await check_well_formed(scene.db, scene.conversation.id)
        if not mortal.happened:
            return


async def check_well_formed_unless_purging(scene: Scene) -> None:
    """In the middle of a purge, a branch that nobody sees may have lost its first buckets already."""
    current = await scene.now()
    if not any(each.purging for each in current.removed):
        await check_well_formed(scene.db, current.id)


@each_operation
@pytest.mark.parametrize("kind", [Repeating])
async def test_a_write_that_a_restarted_store_gets_twice_changes_nothing(
    database: Database, operation: Operation, kind: type[Faulty]
) -> None:
    scene = await scene_for(database, operation)
    await scene.do(operation.act(scene))
    after = await scene.seen()
    for at in count(1):
        scene = await scene_for(database, operation)
        faulty = kind(scene.db, at)
        await operation.act(scene)(MessageTree(cast(Any, faulty), SMALL), await scene.now())
        assert await scene.seen() == after
        if not faulty.happened:
            return


async def test_a_conversation_is_purged_whatever_write_the_purge_died_after(database: Database) -> None:
    for at in count(1):
        scene = await Scene(database).grow()
        await scene.tree.choose(scene.conversation, ALICE, MAIN)
        await scene.do(close(scene))
        mortal = Mortal(scene.db, at)
        with contextlib.suppress(Crash):
            await MessageTree(cast(Any, mortal), SMALL).purge(now() + timedelta(days=1))
        await scene.tree.purge(now() + timedelta(days=1))
        for name in ("conversations", "branches", "buckets", "readers", "deletions"):
            assert await scene.db[name].find({}).to_list() == []
        if not mortal.happened:
            return


async def test_two_purges_at_once_do_it_once(database: Database) -> None:
    scene = await Scene(database).grow()
    await scene.do(remove("middle")(scene))
    wanted = (await scene.now()).message_count
    trees = [MessageTree(database.db, SMALL) for _ in range(3)]
    await asyncio.gather(*(tree.purge(now() + timedelta(days=1)) for tree in trees))
    assert (await scene.now()).message_count == wanted
    assert (await scene.now()).removed == []
    await check_well_formed(database.db, scene.conversation.id)
