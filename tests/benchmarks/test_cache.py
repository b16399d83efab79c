"""Would a cache of last pages in Redis pay? `make bench ARGS="-k cache"`: decision 0039.

Three ways to the last page of a hot conversation, in turn: from the buckets, as it is done; from Redis, with the
conversation still read from MongoDB, as permissions look at it; and all from Redis, as if permissions could wait.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import bson
import pytest
from bson.codec_options import CodecOptions
from redis.asyncio import Redis

from models.conversation import Conversation
from models.database import Database, Record
from models.tree import MAIN, Address, Draft, MessageTree, Row, TreeLimits, Window
from models.tree.buckets import Buckets
from models.tree.lineage import Lineage, Segment
from tests.benchmarks.long_conversation import chat, draft
from tests.benchmarks.report import Table, publish

pytestmark = pytest.mark.benchmark

ROUNDS: Final = 7
SECONDS: Final = 1.5
HOT: Final = 200
LENGTH: Final = 100
PAGE: Final = 50
TICKS: Final = os.sysconf("SC_CLK_TCK")
AWARE: Final = CodecOptions[Record](tz_aware=True)
HEAD: Final = ("", "a second", "p50, ms", "p95, ms", "CPU: worker", "MongoDB", "Redis", "all, ms")

Work = Callable[[int], Awaitable[Any]]


@dataclass(frozen=True)
class Sample:
    """What was done in one round; times in ms, CPU in ms for each."""

    rate: float
    p50: float
    p95: float
    worker: float
    mongodb: float
    redis: float

    @property
    def figures(self) -> tuple[float, ...]:
        cpu = (self.worker, self.mongodb, self.redis)
        return (self.rate, self.p50, self.p95, *cpu, sum(cpu))


class Ways:
    """To the last page of one of the hot conversations."""

    def __init__(self, database: Database, redis: Redis) -> None:
        self.db, self.redis = database.db, redis
        self.tree = MessageTree(self.db, TreeLimits())
        self.hot: list[Conversation] = []

    async def fill(self) -> None:
        """Plant them, and have their pages cached."""
        for _ in range(HOT):
            conversation = chat()
            await self.tree.start(conversation)
            await self._say(conversation)
            self.hot.append(conversation)
            page = await self.tree.history(conversation).page(MAIN, Window(last=PAGE))
            await self.redis.set(page_key(conversation), packed(page.rows))
            record = await self.db.conversations.find_one({"_id": conversation.id})
            await self.redis.set(f"facts:{conversation.id}", bson.encode(record or {}))

    async def _say(self, conversation: Conversation) -> None:
        """Store `LENGTH` messages at once."""
        width = conversation.slot_width
        buckets = Buckets(self.db, conversation.id, width, TreeLimits())
        for first in range(0, LENGTH, width):
            said = [draft(depth, 50 + depth * 37 % 250).record(depth) for depth in range(first, first + width)]
            last = first + width >= LENGTH
            await self.db.buckets.insert_one(buckets.record(MAIN, said, Lineage(Segment(MAIN, 0, 0)), tail=last))

    async def cached(self, key: str) -> bytes:
        """What Redis has."""
        found = await self.redis.get(key)
        assert isinstance(found, bytes)
        return found

    async def from_buckets(self, number: int) -> None:
        conversation = await self._loaded(number)
        page = await self.tree.history(conversation).page(MAIN, Window(last=PAGE))
        assert len(page.rows) == PAGE

    async def from_redis(self, number: int) -> None:
        conversation = await self._loaded(number)
        assert len(unpacked(await self.cached(page_key(conversation)))) == PAGE

    async def all_from_redis(self, number: int) -> None:
        wanted = self.hot[number % HOT]
        facts, page = await self.redis.mget(f"facts:{wanted.id}", page_key(wanted))
        assert isinstance(facts, bytes)
        assert isinstance(page, bytes)
        assert Conversation.model_validate(bson.decode(facts, AWARE)).id == wanted.id
        assert len(unpacked(page)) == PAGE

    async def append(self, number: int) -> None:
        await self.tree.append_at_end(await self._loaded(number), MAIN, self._said(number))

    async def append_and_forget(self, number: int) -> None:
        """Whose page is cached loses it, before the writer is told that all went well."""
        conversation = await self._loaded(number)
        await self.tree.append_at_end(conversation, MAIN, self._said(number))
        await self.redis.delete(page_key(conversation))

    async def _loaded(self, number: int) -> Conversation:
        record = await self.db.conversations.find_one({"_id": self.hot[number % HOT].id})
        loaded: Conversation = Conversation.model_validate(record)
        return loaded

    @staticmethod
    def _said(number: int) -> Draft:
        return draft(number, 150)


def page_key(conversation: Conversation) -> str:
    """Where its last page is cached."""
    return f"page:{conversation.id}"


def packed(rows: Any) -> bytes:
    """A page as it would lie in the cache."""
    return bson.encode(
        {
            "rows": [
                {
                    "branch": row.address.branch,
                    "message": dict(row.message),
                    "parent": str(row.parent) if row.parent else None,
                    "index": row.sibling_index,
                    "count": row.sibling_count,
                }
                for row in rows
            ]
        }
    )


def unpacked(page: bytes) -> list[Row]:
    """The rows of such a page."""
    return [
        Row(
            Address(row["branch"], row["message"]["depth"]),
            row["message"],
            Address.parse(row["parent"]) if row["parent"] else None,
            row["index"],
            row["count"],
        )
        for row in bson.decode(page, AWARE)["rows"]
    ]


@pytest.fixture
async def ways(database: Database, redis: Redis) -> Ways:
    found = Ways(database, redis)
    await found.fill()
    return found


def processes() -> dict[str, int]:
    """The stores' process ids, by the beginning of their names."""
    found = {path.parent.name: path.read_text().strip() for path in Path("/proc").glob("[0-9]*/comm")}
    ours = {pid: name for pid, name in found.items() if _descends(int(pid))}
    return {wanted: int(pid) for wanted in ("secantusd", "valkey") for pid, name in ours.items() if wanted in name}


def _descends(pid: int) -> bool:
    while pid > 1:
        if pid == os.getpid():
            return True
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


def cpu(pid: int) -> float:
    """Seconds of a process so far, all threads; in steps of 10 ms."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / TICKS


async def measure(work: Work, connections: int, pids: dict[str, int]) -> Sample:
    """So many at a time, for a while."""
    times: list[float] = []
    until = time.perf_counter() + SECONDS

    async def one(first: int) -> None:
        number = first
        while (began := time.perf_counter()) < until:
            await work(number)
            times.append((time.perf_counter() - began) * 1000)
            number += connections

    before = (time.process_time(), cpu(pids["secantusd"]), cpu(pids["valkey"]))
    began = time.perf_counter()
    await asyncio.gather(*map(one, range(connections)))
    seconds = time.perf_counter() - began
    after = (time.process_time(), cpu(pids["secantusd"]), cpu(pids["valkey"]))
    each = [(late - early) / len(times) * 1000 for early, late in zip(before, after, strict=True)]
    return Sample(len(times) / seconds, median(times), quantiles(times, n=20)[-1], *each)


async def contest(works: dict[str, Work], connections: int) -> list[list[str]]:
    """Medians over the rounds; who begins changes from round to round."""
    pids = processes()
    samples: dict[str, list[Sample]] = {name: [] for name in works}
    for number in range(-1, ROUNDS):
        for name in list(works)[:: 1 if number % 2 else -1]:
            taken = await measure(works[name], connections, pids)
            if number >= 0:
                samples[name].append(taken)
    rows = []
    for name, taken_all in samples.items():
        columns = zip(*(each.figures for each in taken_all), strict=True)
        rows.append([f"{name}, {connections} at a time", *(f"{median(column):,.2f}" for column in columns)])
    return rows


async def test_would_a_cache_of_last_pages_pay(ways: Ways) -> None:
    pages: dict[str, Work] = {
        "from the buckets": ways.from_buckets,
        "page from Redis": ways.from_redis,
        "all from Redis": ways.all_from_redis,
    }
    appends: dict[str, Work] = {"append": ways.append, "append, page forgotten": ways.append_and_forget}
    size = len(await ways.cached(page_key(ways.hot[0])))
    rows = {"pages": pages, "appends": appends}
    found = {name: [row for each in (1, 32) for row in await contest(works, each)] for name, works in rows.items()}
    publish(
        "cache",
        [
            Table(f"The last {PAGE} messages of {HOT} hot conversations", HEAD, found["pages"]),
            Table("An append", HEAD, found["appends"]),
        ],
        [f"{ROUNDS} rounds of {SECONDS} s, in turn; CPU in ms each; a packed page is {size:,} bytes."],
    )
