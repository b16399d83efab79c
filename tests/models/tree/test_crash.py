"""A worker that dies between any two of its writes, and a store that dies before it answers."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, cast

import pytest
from beanie import PydanticObjectId

from models.bucket import MessageRole
from models.conversation import Conversation
from models.database import Database
from models.tree import MAIN, Address, Appended, Draft, MessageTree
from tests.models.tree.conftest import SMALL, started
from tests.models.tree.faults import Crash, Faulty, Mortal, Repeating
from tests.models.tree.model import Model, compare
from tests.models.tree.trees import line, planted
from tests.models.tree.wellformed import check_well_formed

ALICE, BOB = PydanticObjectId(), PydanticObjectId()
MINE = Draft(role=MessageRole.USER, content="mine", author_id=ALICE, idempotency_key="key")


def theirs(content: str) -> Draft:
    return Draft(role=MessageRole.ASSISTANT, content=content, author_id=BOB)


class Scene:
    """A conversation beside the simplest model of it."""

    def __init__(self, database: Database, conversation: Conversation) -> None:
        self.db = database.db
        self.conversation = conversation
        self.tree = MessageTree(database.db, SMALL)
        self.model = Model()

    async def append(self, parent: Address | None, content: str) -> Address:
        appended = await self.tree.append(self.conversation, parent, theirs(content))
        self.model.add(parent, appended.address, content)
        return appended.address

    def faulty(self, kind: type[Faulty], at: int) -> tuple[MessageTree, Faulty]:
        """A worker for whom write number `at` goes wrong."""
        db = kind(self.db, at)
        return MessageTree(cast(Any, db), SMALL), db

    async def now(self) -> Conversation:
        found = await Conversation.get(self.conversation.id)
        assert found
        return found

    async def check(self) -> None:
        """All that the model has is there, once, in its place, and the figures are right."""
        current = await self.now()
        await check_well_formed(self.db, current.id)
        await compare(self.tree, current, self.model)
        assert current.message_count == len(self.model.nodes)
        assert current.branch_count == await self.db.branches.count_documents({"conversation_id": current.id})

    async def check_acknowledged(self) -> None:
        """The same, where one message more may be there, that nobody was told of."""
        await check_well_formed(self.db, self.conversation.id)
        rows = await self.tree.history(await self.now()).rows(self.model.nodes)
        contents = {address: row.message["content"] for address, row in rows.items()}
        assert contents == {address: node.content for address, node in self.model.nodes.items()}


@dataclass(frozen=True)
class Operation:
    """An append of one kind: how many messages stand there before, and where it answers ("end": at the end)."""

    name: str
    length: int
    parent: Address | str | None
    forks: int = 0
    """How many forks there are at that place already."""

    async def scene(self, database: Database) -> Scene:
        tree = MessageTree(database.db, SMALL)
        scene = Scene(database, await planted(tree, line(self.length)) if self.length else await started(tree))
        for depth in range(self.length):
            scene.model.add(Address(MAIN, depth - 1) if depth else None, Address(MAIN, depth), f"m{depth}")
        for number in range(self.forks):
            await scene.append(self.place, f"fork {number}")
        return scene

    @property
    def place(self) -> Address | None:
        if isinstance(self.parent, str):
            return Address(MAIN, self.length - 1) if self.length else None
        return self.parent

    async def attempt(self, tree: MessageTree, conversation: Conversation, draft: Draft) -> Appended:
        if isinstance(self.parent, str):
            return await tree.append_at_end(conversation, MAIN, draft)
        return await tree.append(conversation, self.parent, draft)


OPERATIONS = [
    Operation("the first message", 0, None),
    Operation("a push", 2, Address(MAIN, 1)),
    Operation("a message that fills the bucket", 3, Address(MAIN, 2)),
    Operation("a new bucket", 4, Address(MAIN, 3)),
    Operation("a third bucket", 8, Address(MAIN, 7)),
    Operation("a first fork", 6, Address(MAIN, 1)),
    Operation("a third fork", 6, Address(MAIN, 1), forks=2),
    Operation("another first message", 2, None),
    Operation("a third first message", 2, None, forks=1),
    Operation("at the end", 2, "end"),
    Operation("at the end of a full bucket", 4, "end"),
    Operation("at the end of nothing", 0, "end"),
]
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


async def scenes(database: Database, operation: Operation) -> AsyncIterator[tuple[int, Scene]]:
    """A fresh scene for write 1, 2, 3, …"""
    for at in count(1):
        yield at, await operation.scene(database)


async def contents(scene: Scene) -> list[str]:
    """Of all messages that are stored, found by anybody or not."""
    buckets = scene.db.buckets.find({"conversation_id": scene.conversation.id})
    return [message["content"] async for bucket in buckets for message in bucket["messages"]]


@each_operation
async def test_a_retry_after_a_crash_completes_what_the_first_try_began(
    database: Database, operation: Operation
) -> None:
    async for at, scene in scenes(database, operation):
        worker, db = scene.faulty(Mortal, at)
        try:
            await operation.attempt(worker, scene.conversation, MINE)
        except Crash:
            await scene.check_acknowledged()
        again = await operation.attempt(scene.tree, await scene.now(), MINE)
        scene.model.add(operation.place, again.address, "mine")
        await scene.check()
        assert (await operation.attempt(scene.tree, await scene.now(), MINE)).address == again.address
        await scene.check()
        if not db.happened:
            return


@each_operation
async def test_others_go_on_after_a_crash_and_a_late_retry_still_gives_one_message(
    database: Database, operation: Operation
) -> None:
    async for at, scene in scenes(database, operation):
        worker, db = scene.faulty(Mortal, at)
        with contextlib.suppress(Crash):
            await operation.attempt(worker, scene.conversation, MINE)
        for number in range(3):
            await scene.tree.append(await scene.now(), operation.place, theirs(f"after {number}"))
            await scene.tree.append_at_end(await scene.now(), MAIN, theirs(f"at the end {number}"))
        again = await operation.attempt(scene.tree, await scene.now(), MINE)
        await check_well_formed(scene.db, scene.conversation.id)
        stored = await contents(scene)
        assert len(stored) == len(set(stored)) == (await scene.now()).message_count
        assert stored.count("mine") == 1
        assert {f"after {n}" for n in range(3)} | {f"at the end {n}" for n in range(3)} < set(stored)
        row = (await scene.tree.history(await scene.now()).rows([again.address]))[again.address]
        siblings = await scene.tree.history(await scene.now()).siblings(row.parent, row.address.depth, 50)
        assert siblings.index(again.address) == row.sibling_index
        assert len(siblings) == row.sibling_count
        if not db.happened:
            return


@each_operation
@pytest.mark.parametrize("key", ["key", None])
async def test_a_write_that_a_restarted_store_gets_twice_counts_once(
    database: Database, operation: Operation, key: str | None
) -> None:
    async for at, scene in scenes(database, operation):
        worker, db = scene.faulty(Repeating, at)
        appended = await operation.attempt(worker, scene.conversation, replace(MINE, idempotency_key=key))
        scene.model.add(operation.place, appended.address, "mine")
        await scene.check()
        if not db.happened:
            return
