"""Servers to measure: each one process that is started as the supervisor starts a worker."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from api.cli.listening import listen
from api.settings import Settings
from models.embedded import EmbeddedStores
from tests.benchmarks.load import HOST
from tests.served import Served, settings_on

READY_SECONDS: Final = 30.0
TICKS: Final = os.sysconf("SC_CLK_TCK")
UNLIMITED: Final = {
    "rate_budgets": 1_000_000,
    "rate_budgets_address": 1_000_000,
    "login_failures": 100_000,
    "login_failures_account": 100_000,
    "login_failures_address": 1_000_000,
    "password_waiting": 1_000,
    "password_wait_seconds": 60,
}
"""Nobody uses anything up, and whoever signs in waits for argon2id."""


@dataclass(frozen=True)
class Server:
    """One that serves."""

    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """User and system time of the process so far, all threads; in steps of 10 ms."""
        return cpu_seconds([self.pid])

    def loop_seconds(self) -> float:
        """Of that the main thread's, which is that of the event loop."""
        return _seconds(Path(f"/proc/{self.pid}/task/{self.pid}/stat"))


def cpu_seconds(pids: Iterable[int]) -> float:
    """The same of several processes together."""
    return sum(_seconds(Path(f"/proc/{pid}/stat")) for pid in pids)


def _seconds(stat: Path) -> float:
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def unlimited(served: Served, stores: EmbeddedStores, **others: Any) -> Settings:
    """Of a server beside `served`, on its stores, that refuses nobody for coming often."""
    return settings_on(stores, served.services.database.db.name, **UNLIMITED | others)


@contextmanager
def serving(module: str, environment: Mapping[str, str], log: Path) -> Iterator[Server]:
    """`python -m MODULE` with a listener and a lifeline, stopped at the end. What it prints goes to `log`."""
    with running([sys.executable, "-m", module], environment, log) as server:
        yield server


@asynccontextmanager
async def serving_beside(module: str, environment: Mapping[str, str], log: Path) -> AsyncIterator[Server]:
    """The same, while the loop goes on: what else serves there would say that its stores don't answer."""
    with ExitStack() as stack:
        yield await asyncio.to_thread(stack.enter_context, serving(module, environment, log))


@contextmanager
def running(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[Server]:
    """The same of any program that is told the descriptors of both, and writes into the lifeline when it is ready."""
    ours, theirs = socket.socketpair()
    with ours, theirs, listen(HOST, 0) as listener, log.open("wb") as output:
        descriptors = [listener.fileno(), theirs.fileno()]
        process = subprocess.Popen(
            [*command, *map(str, descriptors)],
            env=dict(environment),
            pass_fds=descriptors,
            stdout=output,
            stderr=output,
        )
        theirs.close()
        try:
            ours.settimeout(READY_SECONDS)
            assert ours.recv(1), f"{command[-1]} did not start: {log.read_text()[-2000:]}"
            yield Server(listener.getsockname()[1], process.pid)
        finally:
            ours.close()
            process.wait(READY_SECONDS)
