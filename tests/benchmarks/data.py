"""What the scale table is measured with, kept once it is built: `python -m tests.benchmarks.data`, resumable."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from models.database import Database
from models.embedded import EmbeddedStores
from models.migrations import migrate
from models.search.indexer import Indexer
from tests.benchmarks.many_messages import many_messages
from tests.benchmarks.progress import Progress, shown
from tests.benchmarks.report import FOLDER
from tests.benchmarks.worlds import World, connected

SIZES: Final = tuple(map(int, os.environ.get("BENCH_SIZES", "100,10000,1000000").split(",")))


@dataclass(frozen=True)
class Sized:
    """What there is of one size: conversations, one of which is as long; and messages with words, to be searched."""

    size: int
    world: World
    words: Database


@asynccontextmanager
async def kept() -> AsyncIterator[list[Sized]]:
    """All sizes, built where they are not yet, on two embedded servers of their own."""
    async with AsyncExitStack() as stack:
        scale = stack.enter_context(EmbeddedStores(FOLDER / "scale"))
        search = stack.enter_context(EmbeddedStores(FOLDER / "search"))
        await stack.enter_async_context(await Database.connect(scale.mongodb_uri, "bench"))  # documents know one
        progress = stack.enter_context(shown())
        found: list[Sized] = []
        for size in SIZES:
            world = World(await stack.enter_async_context(connected(scale.mongodb_uri, f"scale_{size}")), size)
            name = "bench_search" if size == max(SIZES) == 1_000_000 else f"bench_search_{size}"
            words = await stack.enter_async_context(connected(search.mongodb_uri, name))
            await asyncio.gather(world.build(progress), _searchable(words, size, progress))
            found.append(Sized(size, world, words))
        yield found


async def _searchable(database: Database, messages: int, progress: Progress) -> None:
    """Have so many messages stored, and indexed."""
    await migrate(database.db)
    await many_messages(database, messages, progress)
    indexer, count = Indexer(database.db), 0
    while taken := await indexer.take():
        count += taken
        progress(f"{messages:,}: messages indexed", count, messages)
        while await indexer.merge():
            pass


async def _build() -> None:
    began = time.perf_counter()
    async with kept():
        pass
    sys.stderr.write(f"all there, after {time.perf_counter() - began:,.0f} s\n")


if __name__ == "__main__":
    asyncio.run(_build())
