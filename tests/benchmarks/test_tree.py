"""The tree at its first message and at its millionth, and what it takes on disk. `make bench ARGS="-k tree"`."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import pytest

from models.conversation import Conversation
from models.database import Database
from models.embedded import EmbeddedStores
from models.migrations import migrate
from models.transfer.importing import import_file
from models.tree import MAIN, Address, MessageTree, TreeLimits, Window
from models.user import User
from tests.benchmarks.long_conversation import LENGTH, OWNER, chat, draft, long_conversation
from tests.benchmarks.report import FOLDER, Table, publish
from tests.benchmarks.storage import stored

pytestmark = pytest.mark.benchmark

ROUNDS: Final = 9
PAGES: Final = 100
APPENDS: Final = 300
"""A multiple of a bucket's 50, so that each round begins with a bucket."""
TREES: Final = Path("models/transfer/demo/oasst_en_100_trees.jsonl")
Work = Callable[[], Awaitable[float]]


@dataclass
class Contest:
    """Kinds of work, done in turn, so that whatever else the machine does hits all of them alike."""

    contenders: dict[str, Work]

    async def rows(self, form: str) -> list[list[str]]:
        """Name, median, spread, and the ratio to the first: the median of the rounds' ratios."""
        for work in self.contenders.values():
            await work()
        rounds = [[await work() for work in self.contenders.values()] for _ in range(ROUNDS)]
        columns = list(zip(*rounds, strict=True))
        return [
            [name, format(median(column), form), _spread(column, form), f"{_ratio(column, columns[0]):.2f}x"]
            for name, column in zip(self.contenders, columns, strict=True)
        ]


def _ratio(column: Sequence[float], first: Sequence[float]) -> float:
    return median(one / other for one, other in zip(column, first, strict=True))


def _spread(values: Sequence[float], form: str) -> str:
    return f"{min(values):{form}} to {max(values):{form}}"


@pytest.fixture
async def kept() -> AsyncIterator[Database]:
    """The stores in which the long conversation is kept from one run to the next."""
    with EmbeddedStores(FOLDER / "stores") as stores:
        async with await Database.connect(stores.mongodb_uri, "bench") as database:
            await migrate(database.db)
            yield database


async def short_conversation(tree: MessageTree, length: int) -> Conversation:
    """One with so many messages."""
    conversation = chat()
    await tree.start(conversation)
    for number in range(length):
        await tree.append_at_end(conversation, MAIN, draft(number, 150))
    return conversation


def reading(tree: MessageTree, conversation: Conversation, window: Window) -> Work:
    """Reads a page again and again; milliseconds a page."""

    async def work() -> float:
        started = time.perf_counter()
        for _ in range(PAGES):
            page = await tree.history(conversation).page(MAIN, window)
        assert len(page.rows) == 20
        return (time.perf_counter() - started) / PAGES * 1000

    return work


def appending(tree: MessageTree, conversation: Conversation | None) -> Work:
    """Appends at the end of `conversation`, or to one that begins; appends a second."""

    async def work() -> float:
        there = conversation or await short_conversation(tree, 0)
        parent = (await tree.history(there).page(MAIN, Window(last=1))).rows
        place = parent[0].address if parent else None
        started = time.perf_counter()
        for number in range(APPENDS):
            place = (await tree.append(there, place, draft(number, 150))).address
        return APPENDS / (time.perf_counter() - started)

    return work


async def test_the_tree_at_its_first_message_and_at_its_millionth(kept: Database) -> None:
    tree = MessageTree(kept.db, TreeLimits())
    short, long = await short_conversation(tree, 100), await long_conversation(kept)
    middle = Address(MAIN, LENGTH // 2 + 7)
    pages = {
        "last page, 100 messages": reading(tree, short, Window(last=20)),
        f"last page, {LENGTH:,} messages": reading(tree, long, Window(last=20)),
        f"first page, {LENGTH:,} messages": reading(tree, long, Window(first=20)),
        f"middle page, {LENGTH:,} messages": reading(tree, long, Window(first=20, after=middle)),
    }
    appends = {
        "from message 1": appending(tree, None),
        f"from message {LENGTH:,}": appending(tree, long),
    }
    head = ["median", "range", "to the first"]
    publish(
        "tree",
        [
            Table("A page of 20 messages", ["ms a page", *head], await Contest(pages).rows(".2f")),
            Table("Appends, one writer", ["appends a second", *head], await Contest(appends).rows(".0f")),
        ],
        [f"{ROUNDS} rounds of {PAGES} pages and {APPENDS} appends each, in turn; embedded MongoDB, synced writes."],
    )


async def test_the_storage_of_trees_and_of_a_plain_chat(database: Database) -> None:
    owner = User.model_construct(id=OWNER)
    await import_file(database.db, TREES, "oasst", owner, TreeLimits())
    trees = await stored(database)
    for name in ("buckets", "branches", "conversations"):
        await database.db[name].delete_many({"conversation_id": {"$exists": True}})
        await database.db[name].delete_many({"owner_id": {"$exists": True}})
    tree = MessageTree(database.db, TreeLimits())
    for _ in range(10):
        await short_conversation(tree, 100)
    rows = [
        ["100 Open-Assistant trees", *trees.cells],
        ["10 chats of 100 messages, appended", *(await stored(database)).cells],
    ]
    head = ["bytes a message", "messages", "their JSON", "all documents", "ratio", "index entries"]
    publish("storage", [Table("Storage", head, rows)])
