"""Whose time it is: the processor time of the process that asks, and what it waits for the store."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from models.database import TIMEOUT_MS, Database, Record
from tests.benchmarks.servers import TICKS


@dataclass(frozen=True)
class Sample:
    """One run. `own` is processor time, `store` the time that commands were under way and this process idle; ms."""

    wall: float
    own: float
    store: float
    commands: int


@dataclass
class Samples:
    """Of one kind of work. `store_cpu`: processor time of the store's process for one run, ms."""

    all: list[Sample] = field(default_factory=list)
    store_cpu: float = 0.0

    def p50(self, name: str) -> float:
        return median(self._of(name))

    def p95(self, name: str) -> float:
        return quantiles(self._of(name), n=20)[-1]

    def _of(self, name: str) -> list[float]:
        return [getattr(each, name) for each in self.all]

    @property
    def cells(self) -> list[str]:
        """For a table, under `HEAD`."""
        walls = (min(each.wall for each in self.all), self.p50("wall"), self.p95("wall"))
        own, store = self.p50("own"), self.p50("store")
        times = (*walls, own, self.p95("own"), store, own + store, self.store_cpu)
        return [*(f"{each:.1f}" for each in times), f"{self.p50('commands'):.0f}"]


HEAD: Final = ("fastest", "p50", "p95", "own CPU", "own CPU p95", "store", "own + store", "store's CPU", "commands")


class Watch(CommandListener):
    """Measures runs, by listening to a client's commands."""

    def __init__(self, store_pid: int) -> None:
        self._stat = Path(f"/proc/{store_pid}/stat")
        self._pending = self._commands = 0
        self._since = (0.0, 0.0)
        self._waited = 0.0

    @contextmanager
    def run(self, samples: Samples) -> Iterator[None]:
        """The block is one run."""
        self._commands, self._waited = 0, 0.0
        began = _clocks()
        yield
        wall, own = _since(began)
        samples.all.append(Sample(wall * 1000, own * 1000, self._waited * 1000, self._commands))

    def store_cpu(self) -> float:
        """Processor time of the store so far, in seconds; in steps of 10 ms."""
        stat = self._stat.read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / TICKS

    def started(self, event: CommandStartedEvent) -> None:
        if not self._pending:
            self._since = _clocks()
        self._pending += 1
        self._commands += 1

    def succeeded(self, event: CommandSucceededEvent) -> None:
        self._ended()

    def failed(self, event: CommandFailedEvent) -> None:
        self._ended()

    def _ended(self) -> None:
        self._pending -= 1
        if not self._pending:
            wall, own = _since(self._since)
            self._waited += max(wall - own, 0.0)


@asynccontextmanager
async def watching(database: Database, uri: str, store_pid: int) -> AsyncIterator[tuple[AsyncDatabase[Record], Watch]]:
    """The same database through a client of its own, that is listened to."""
    watch = Watch(store_pid)
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        uri, timeoutMS=TIMEOUT_MS, serverMonitoringMode="poll", event_listeners=[watch]
    )
    async with Database(client, database.db.name) as again:
        yield again.db, watch


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(began: tuple[float, float]) -> tuple[float, float]:
    """Seconds by the wall, of the processor."""
    now = _clocks()
    return now[0] - began[0], now[1] - began[1]
