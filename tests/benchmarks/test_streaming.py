"""How long a piece of an answer takes from its writer to its readers, and what it costs the database."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from statistics import quantiles
from typing import Any, Final

import pytest

from tests.benchmarks.report import Table, publish
from tests.database_calls import database_calls
from tests.resolvers.chat.documents import start
from tests.resolvers.chat.writing import begin, following, stream, went_on
from tests.served import Served

pytestmark = pytest.mark.benchmark

PIECES: Final = 200
READERS: Final = (1, 20)
TEXT: Final = "about four tokens or so "


async def test_how_long_a_piece_takes_to_its_readers(served: Served) -> None:
    rows = [await _measured(served, readers) for readers in READERS]
    head = [
        "readers",
        "call until answered, p50 ms",
        "p95",
        "call until the last reader has it, p50 ms",
        "p95",
        "calls",
    ]
    note = (
        f"{PIECES} pieces of {len(TEXT)} bytes, one after the other, `streamMessage` over HTTP in the process that "
        "serves; calls: to MongoDB, a piece, by the writer and all readers together."
    )
    publish("streaming", [Table("A piece of a streamed answer", head, rows)], [note])


async def _measured(served: Served, readers: int) -> list[str]:
    alice = await served.as_("alice")
    conversation = await start(alice)
    answered, delivered, offset = [], [], 0
    async with AsyncExitStack() as stack:
        feeds = [await stack.enter_async_context(following(served, "alice", conversation)) for _ in range(readers)]
        answer = await begin(alice, conversation)
        await asyncio.gather(*map(_next, feeds))
        with database_calls(own=True) as calls:
            for _ in range(PIECES):
                waiting = [asyncio.create_task(_next(feed)) for feed in feeds]
                begun = time.perf_counter()
                offset = went_on(await stream(alice, answer, offset, TEXT))
                answered.append(time.perf_counter() - begun)
                delivered.append(max(await asyncio.gather(*waiting)) - begun)
    figures = [f"{1000 * each:.1f}" for times in (answered, delivered) for each in _percentiles(times)]
    return [str(readers), *figures, f"{len(calls) / PIECES:.2f}"]


async def _next(feed: AsyncIterator[dict[str, Any]]) -> float:
    """When it came."""
    await anext(feed)
    return time.perf_counter()


def _percentiles(times: list[float]) -> tuple[float, float]:
    steps = quantiles(times, n=20)
    return steps[9], steps[18]
