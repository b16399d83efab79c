"""Search over a million messages: its speed, its size, and how fast it is built. `make bench ARGS="-k search"`.

It is asked as a resolver asks it, by `MessageSearch.find`; without GraphQL, whose cost `test_http.py` measures.
"""

import gc
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import bson
import pytest
from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from api.worker import settle
from models.conversation_list import Scope
from models.database import Database, Record
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
from tests.benchmarks.split import HEAD, Samples, Watch, watching

pytestmark = pytest.mark.benchmark

ROUNDS: Final = 100
COLD_ROUNDS: Final = 20
WARM: Final = 5
PAGE: Final = 20
WANTED: Final = {"everybody's: common word": 100.0, "everybody's: rare word": 20.0}
"""Milliseconds that 95 of 100 first pages should take at most."""


@dataclass(frozen=True)
class Kept:
    """The messages, and what is asked of their store."""

    database: Database
    db: AsyncDatabase[Record]
    watch: Watch


@pytest.fixture
async def kept() -> AsyncIterator[Kept]:
    """The stores in which the messages are kept from one run to the next; as a worker's process asks them."""
    with EmbeddedStores(FOLDER / "search") as stores:
        async with await Database.connect(stores.mongodb_uri, "bench_search") as database:
            await migrate(database.db)
            await many_messages(database)
            async with watching(database, stores.mongodb_uri, stores.pids()["MongoDB"]) as (db, watch):
                garbage = settle()
                yield Kept(database, db, watch)
                garbage.end()
                gc.unfreeze()


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


async def measured(kept: Kept, reach: Reach, text: str, *, cold: bool = False) -> tuple[Samples, int]:
    """First pages, and how many are found on one. `cold`: each by a worker that has read nothing before."""
    search = MessageSearch(kept.db, MessageTree(kept.db, TreeLimits()))

    async def ask() -> int:
        found = await search.find(reach, SearchRequest(parse(text), MessageFilter(), PAGE))
        return len(found.hits)

    samples, before, rounds = Samples(), 0.0, COLD_ROUNDS if cold else ROUNDS
    for number in range(0 if cold else -WARM, rounds):
        if number == 0:
            before = kept.watch.store_cpu()
        if cold:
            search = MessageSearch(kept.db, MessageTree(kept.db, TreeLimits()))
        with kept.watch.run(samples if number >= 0 else Samples()):
            await ask()
    samples.store_cpu = (kept.watch.store_cpu() - before) / rounds * 1000
    return samples, await ask()


async def test_search_over_a_million_messages(kept: Kept) -> None:
    rates = await indexed(kept.database)
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
    rows, verdicts = [], []
    for name, (reach, text) in asked.items():
        for cold in (False, True):
            samples, found = await measured(kept, reach, text, cold=cold)
            rows.append([f"{name}{', nothing in memory' * cold}", *samples.cells, f"{found}"])
            if not cold and name in WANTED:
                verdicts.append(
                    f"{name}: p95 {samples.p95('wall'):.1f} ms, wanted below {WANTED[name]:.0f} ms; of a median page "
                    f"{samples.p50('own'):.1f} ms are this process's, {samples.p50('store'):.1f} ms the store's."
                )
    size, messages = await sizes(kept.database)
    publish(
        "search",
        [
            Table(f"First page of {PAGE}, {MESSAGES:,} messages, ms", ["search", *HEAD, "found"], rows),
            Table(
                "Size, bytes a message",
                ["", "index", "messages", "ratio"],
                [["all", f"{size / MESSAGES:.0f}", f"{messages / MESSAGES:.0f}", f"{size / messages:.2f}x"]],
            ),
            *([Table("Building", ["", "messages", "time", "rate"], rates)] if rates else []),
        ],
        [
            *verdicts,
            "own CPU: of the process that asks. store: commands were under way, and this process idle, or waiting for "
            "a processor where the machine is busy. store's CPU: of the server's process, a mean of all rounds.",
            f"{len((await read_manifest(kept.db)).parts)} segments; embedded MongoDB, on the same two cores.",
        ],
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
