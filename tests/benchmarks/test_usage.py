"""Usage over a million messages: a year by model, by day, by hour. `make bench ARGS="-k usage"`."""

import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import median, quantiles
from typing import Final
from zoneinfo import ZoneInfo

import bson
import pytest
from beanie import PydanticObjectId

from models.bucket import MessageRole, Metadata
from models.database import Database, Record
from models.embedded import EmbeddedStores
from models.migrations import migrate
from models.tree import MAIN, Draft, TreeLimits
from models.tree.buckets import Buckets
from models.tree.lineage import Lineage, Segment
from models.usage.question import UsageDimension, UsageFilter, UsageQuestion
from models.usage.reach import UsageReach
from models.usage.rollup import Rollup
from models.usage.usage import Usage
from tests.benchmarks.many_messages import MESSAGES
from tests.benchmarks.report import FOLDER, Table, publish

pytestmark = pytest.mark.benchmark

ROUNDS: Final = 20
BEGAN: Final = datetime(2025, 11, 1, tzinfo=UTC)
YEAR: Final = timedelta(days=365)
MODELS: Final = ("model-large", "model-small", "model-tiny")
ONE: Final = PydanticObjectId("1" * 24)
"""Owns one conversation of a million messages."""
MANY: Final = PydanticObjectId("2" * 24)
"""Owns ten thousand of a hundred."""
FEW: Final = PydanticObjectId("3" * 24)
"""Owns one of a hundred."""
HUNDRED: Final = 100
SAID: Final = "What was said in so many words. " * 10
HEAD: Final = ("usage", "p50", "p95", "groups")


@pytest.fixture
async def kept() -> AsyncIterator[Database]:
    """The stores in which the messages are kept from one run to the next."""
    with EmbeddedStores(FOLDER / "usage") as stores:
        async with await Database.connect(stores.mongodb_uri, "bench_usage") as database:
            if await database.db.conversations.find_one({"_id": FEW}) is None:  # stored last
                await database.client.drop_database(database.db.name)
                await migrate(database.db)
                await built(database)
            yield database


async def built(database: Database) -> None:
    await conversation(database, ONE, ONE, MESSAGES)
    for number in range(MESSAGES // HUNDRED):
        await conversation(database, PydanticObjectId(f"{number:024x}"), MANY, HUNDRED)
        if number % 500 == 0:
            sys.stdout.write(f"\rbuilding: {number * HUNDRED:,} of {MESSAGES:,} messages ")
            sys.stdout.flush()
    await conversation(database, FEW, FEW, HUNDRED)


async def conversation(database: Database, id_: PydanticObjectId, owner: PydanticObjectId, messages: int) -> None:
    """Spread over the year if it is long, a quarter of an hour somewhere in it for each hundred if not."""
    random, limits = Random(str(id_)), TreeLimits()
    begun = BEGAN if messages > HUNDRED else BEGAN + random.random() * YEAR
    apart = YEAR / messages if messages > HUNDRED else timedelta(seconds=9)
    buckets, width = Buckets(database.db, id_, limits.bucket_messages, limits, owner), limits.bucket_messages
    lineage, made = Lineage(Segment(MAIN, 0, 0)), []
    for first in range(0, messages, width):
        said = [
            answer(random, begun + depth * apart)
            if depth % 2
            else Draft(MessageRole.USER, SAID, owner, begun + depth * apart)
            for depth in range(first, first + width)
        ]
        records = [draft.record(first + place) for place, draft in enumerate(said)]
        made.append(buckets.record(MAIN, records, lineage, tail=first + width >= messages))
        if len(made) == 200:
            await database.db.buckets.insert_many(made)
            made = []
    if made:
        await database.db.buckets.insert_many(made)
    stored = {"_id": id_, "owner_id": owner, "deleted": False, "tags": ["a"], "removed": [], "slot_width": width}
    await database.db.conversations.insert_one({**stored, "started_at": begun, "updated_at": begun})


def answer(random: Random, at: datetime) -> Draft:
    metadata = Metadata(
        llm_model=random.choice(MODELS),
        tokens_in=random.randint(50, 8_000),
        tokens_out=random.randint(10, 900),
        latency_ms=int(random.lognormvariate(7.5, 0.6)),
    )
    return Draft(MessageRole.ASSISTANT, SAID, created_at=at, metadata=metadata)


def owned_by(owner: PydanticObjectId) -> UsageReach:
    where: Record = {"owner_id": {"$eq": owner}}
    return UsageReach([where], [{"owner_id": owner}], [where], [where])


async def timed(
    database: Database, owner: PydanticObjectId, by: str, wanted: UsageFilter, rounds: int = ROUNDS
) -> list[str]:
    usage, times, found = Usage(database.db), [], 0
    question = UsageQuestion([UsageDimension(by)], ZoneInfo("Europe/Berlin"), wanted)
    for _ in range(rounds):
        began = time.perf_counter()
        found = len((await usage.report(owner, owned_by(owner), question)).groups)
        times.append((time.perf_counter() - began) * 1000)
    return [f"{median(times):,.0f} ms", f"{quantiles(times, n=20)[-1]:,.0f} ms", f"{found:,}"]


async def rolled_up(database: Database) -> list[list[str]]:
    began = time.perf_counter()
    buckets = await Rollup(database.db).run()
    seconds = time.perf_counter() - began
    return [[f"{buckets:,} buckets", f"{seconds:,.0f} s", f"{buckets / seconds:,.0f} a second"]] if buckets else []


async def test_usage_over_a_million_messages(kept: Database) -> None:
    marked = await timed(kept, FEW, "model", UsageFilter())
    rates = await rolled_up(kept)
    year = UsageFilter(since=BEGAN, until=BEGAN + YEAR)
    day = UsageFilter(since=BEGAN + YEAR / 2, until=BEGAN + YEAR / 2 + timedelta(days=1), conversation_id=ONE)
    whose = {"one conversation": ONE, f"{MESSAGES // HUNDRED:,} conversations": MANY}
    rows = [
        [f"a year of {MESSAGES:,} messages in {name}, by {by}", *await timed(kept, owner, by, year)]
        for name, owner in whose.items()
        for by in ("model", "day", "hour")
    ]
    rows.append([f"a day of {MESSAGES:,} messages, by model", *await timed(kept, ONE, "model", day)])
    rows.append(["100 messages, by model", *await timed(kept, FEW, "model", UsageFilter())])
    rows.append(["the same, as it was before it was rolled up", *marked])
    publish(
        "usage",
        [
            Table("Usage", HEAD, rows),
            Table("Size, bytes a message", ["", "tallies"], await sizes(kept)),
            *([Table("Rolling up", ["", "time", "rate"], rates)] if rates else []),
        ],
        ["Embedded MongoDB, on the same two cores."],
    )


async def sizes(database: Database) -> list[list[str]]:
    found: list[list[str]] = []
    for name, query, number in (
        ("one conversation", {"conversation_id": ONE}, MESSAGES),
        ("conversations of 100", {"conversation_id": {"$ne": ONE}}, MESSAGES + HUNDRED),
    ):
        size = sum([len(bson.encode(page)) async for page in database.db.tallies.find(query)])
        found.append([name, f"{size / number:.1f}"])
    return found
