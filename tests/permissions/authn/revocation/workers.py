"""Workers as far as revocation goes: a mirror each, on the same stores."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from redis.asyncio import Redis

from api.background import running
from models.pubsub import listening_by
from permissions.authn.gate import SessionGate, WhenStale
from permissions.authn.revocation.ledger import Ledger
from permissions.authn.revocation.mirror import Mirror
from permissions.authn.revocation.revocations import Lives, Revocations

LIVES: Final = Lives(access=timedelta(minutes=15), refresh=timedelta(days=30))
PATIENCE_SECONDS: Final = 15.0
"""Far more than anything takes: what it takes is for the benchmarks."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One server process's."""

    mirror: Mirror
    revocations: Revocations
    gate: SessionGate


def new_worker(
    redis: Redis,
    *,
    stale_seconds: float = 5.0,
    when_stale: WhenStale = WhenStale.FAIL_CLOSED,
    clock: Callable[[], float] = time.monotonic,
) -> Worker:
    """It hears of nothing yet."""
    ledger = Ledger(redis)
    mirror = Mirror(ledger, clock)
    gate = SessionGate(mirror, stale_seconds=stale_seconds, when_stale=when_stale)
    return Worker(mirror, Revocations(ledger, LIVES, mirror), gate)


@asynccontextmanager
async def serving(worker: Worker, *, pushed: bool = True) -> AsyncIterator[Worker]:
    """Within the block it serves; without `pushed` it only asks."""
    await worker.mirror.load()
    mirror = worker.mirror
    async with listening_by(mirror.ledger.redis) as listener, running(mirror.follow()):
        with mirror.listening(listener) if pushed else nullcontext():
            yield worker
    await mirror.leave()


async def eventually(condition: Callable[[], object]) -> None:
    """Return when `condition` holds; fail where it doesn't come to that."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until
        await asyncio.sleep(0.01)
