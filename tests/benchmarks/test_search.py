"""Search over a million messages: its speed, its size, and how fast it is built. `make bench ARGS="-k search"`."""

import sys
import time
from collections.abc import AsyncIterator
from statistics import median, quantiles
from typing import Final

import bson
import pytest
from beanie import PydanticObjectId

from models.conversation_list import Scope
from models.database import Database
from models.embedded import EmbeddedStores
from models.migrations import migrate
from models.search.indexer import Indexer
from models.search.manifest import read_manifest
from models.search.query import parse
from models.search.reach import MessageFilter, Reach
from models.search.search import MessageSearch, SearchRequest
from models.tree import MessageTree, TreeLimits
from tests.benchmarks.many_messages import COMMON, MESSAGES, ONE, RARE, many_messages
from tests.benchmarks.report import FOLDER, Table, publish

pytestmark = pytest.mark.benchmark

ROUNDS: Final = 40
PAGE: Final = 20
HEAD: Final = ("search", "fastest", "p50", "p95", "CPU of the client", "found")


@pytest.fixture
async def kept() -> AsyncIterator[Database]:
    """The stores in which the messages are kept from one run to the next."""
    with EmbeddedStores(FOLDER / "search") as stores:
        async with await Database.connect(stores.mongodb_uri, "bench_search") as database:
            await migrate(database.db)
            await many_messages(database)
            yield database


def owner(user_id: PydanticObjectId) -> Reach:
    where = {"owner_id": {"$eq": user_id}}
    return Reach(user_id, [Scope({"owner_id": user_id}, where)], [where], [where])


def everybody(where: dict[str, object]) -> Reach:
    return Reach(ONE, [Scope({}, where)], [where], [where])


async def indexed(database: Database) -> list[list[str]]:
    """Index what is not indexed; the rate."""
    indexer = Indexer(database.db)
    began, count = time.perf_counter(), 0
    while taken := await indexer.take():
        count += taken
        while await indexer.merge():
            pass
        sys.stdout.write(f"\rindexing: {count:,} messages ")
        sys.stdout.flush()
    seconds = time.perf_counter() - began
    rate = f"{count / seconds:,.0f}/s" if count else ""
    return [["indexing, merges included", f"{count:,}", f"{seconds:,.0f} s", rate]] if count else []


async def timed(
    database: Database, reach: Reach, text: str, wanted: MessageFilter | None = None, *, cold: bool = False
) -> list[str]:
    """Milliseconds of a first page."""

    def made() -> MessageSearch:
        return MessageSearch(database.db, MessageTree(database.db, TreeLimits()))

    search, times, busy, found = made(), [], [], 0
    for _ in range(ROUNDS // 4 if cold else ROUNDS):
        if cold:
            search = made()
        began, before = time.perf_counter(), time.process_time()
        page = await search.find(reach, SearchRequest(parse(text), wanted or MessageFilter(), PAGE))
        times.append((time.perf_counter() - began) * 1000)
        busy.append((time.process_time() - before) * 1000)
        found = len(page.hits)
    times = times[0 if cold else 5 :]
    figures = (min(times), median(times), quantiles(times, n=20)[-1], median(busy))
    return [*(f"{figure:.1f}" for figure in figures), f"{found}"]


async def test_search_over_a_million_messages(kept: Database) -> None:
    rates = await indexed(kept)
    small = PydanticObjectId(f"{2 + 1001 // 5:024x}")
    asked: dict[str, tuple[Reach, str]] = {
        "own 100 messages: common word": (owner(small), COMMON),
        "own 100,000 messages: common word": (owner(ONE), COMMON),
        "own 100,000 messages: rare word": (owner(ONE), RARE),
        "everybody's: common word": (everybody({}), COMMON),
        "everybody's: three common words": (everybody({}), "the of and"),
        "everybody's: rare word": (everybody({}), RARE),
        "everybody's: a phrase": (everybody({}), '"the of"'),
        "everybody's: a common word and a rare one": (everybody({}), f"{COMMON} {RARE}"),
        "a hundredth of everybody's: common word": (everybody({"attributes.region": "EMEA"}), COMMON),
        "a hundredth of everybody's: rare word": (everybody({"attributes.region": "EMEA"}), RARE),
    }
    rows = [
        [f"{name}{', nothing in memory' * cold}", *await timed(kept, reach, text, cold=cold)]
        for name, (reach, text) in asked.items()
        for cold in (False, True)
    ]
    size, messages = await sizes(kept)
    publish(
        "search",
        [
            Table(f"First page of {PAGE}, {MESSAGES:,} messages, ms", HEAD, rows),
            Table(
                "Size, bytes a message",
                ["", "index", "messages", "ratio"],
                [["all", f"{size / MESSAGES:.0f}", f"{messages / MESSAGES:.0f}", f"{size / messages:.2f}x"]],
            ),
            *([Table("Building", ["", "messages", "time", "rate"], rates)] if rates else []),
        ],
        [f"{len((await read_manifest(kept.db)).parts)} segments; embedded MongoDB, on the same two cores."],
    )


async def sizes(database: Database) -> tuple[int, int]:
    """Bytes of the searched segments, of the buckets."""
    manifest = await read_manifest(database.db)
    ids = [part.id for part in manifest.parts]
    index = 0
    async for record in database.db.search_segments.find({"_id": {"$in": ids}}):
        index += record["size"] + len(bson.encode(record))
    sample = await database.db.buckets.find({}).limit(500).to_list()
    said = sum(len(bson.encode(bucket)) for bucket in sample) / sum(len(bucket["messages"]) for bucket in sample)
    return index, int(said * MESSAGES)
