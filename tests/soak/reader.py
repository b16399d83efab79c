"""Somebody who behaves, as who measures sees him: what he was told, and what he waited for."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final

from tests.demos import Demo

WELL: Final = "well"


@dataclass(frozen=True)
class Waited:
    """For each answer, in seconds: how long it took, and how long the loop that gave it ran and waited for a core."""

    taken: Sequence[float] = ()
    ran: Sequence[float] = ()
    cores: Sequence[float] = ()

    def __add__(self, other: "Waited") -> "Waited":
        """Of both."""
        return Waited([*self.taken, *other.taken], [*self.ran, *other.ran], [*self.cores, *other.cores])

    @classmethod
    def of(cls, taken: Sequence[float], workers: Sequence[Sequence[tuple[float, float]]]) -> "Waited":
        """`workers` has what each of them did, of whom the one that ran most answers: there is one connection."""
        most = max(range(len(workers[0])), key=lambda number: sum(each[number][0] for each in workers))
        return cls(taken, [each[most][0] for each in workers], [each[most][1] for each in workers])


class WellBehaved:
    """Reads a page ten times a second in a process of its own, and says when it was not given."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.failed: list[str] = []

    async def run(self, seconds: float) -> Waited:
        """For so long."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{seconds}\n".encode())
        told = json.loads(await self._process.stdout.readline())
        self.failed += told["failed"]
        return Waited.of(told["taken"], told["ran"])


@asynccontextmanager
async def well_behaved(served: Demo) -> AsyncIterator[WellBehaved]:
    """For the length of a block. He has the priority that this process has now, and a session of his own."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.soak.well", stdin=pipe, stdout=pipe, limit=2**26, start_new_session=True
    )
    try:
        assert process.stdin is not None
        whom = {"host": served.host, "port": served.port, "workers": served.workers()}
        who = {**whom, "headers": served.person(WELL).headers}
        process.stdin.write(json.dumps(who).encode() + b"\n")
        yield WellBehaved(process)
    finally:
        process.kill()
        await process.wait()


def p99(seconds: Sequence[float]) -> float:
    """In milliseconds."""
    return quantiles(seconds, n=100, method="inclusive")[98] * 1000


def p50(seconds: Sequence[float]) -> float:
    """In milliseconds."""
    return median(seconds) * 1000


def row(name: str, of: Callable[[Sequence[float]], float], waited: Sequence[Waited]) -> list[str]:
    """A line of the table: the whole time in each part of the soak, and of that the two shares."""
    return [name, *(f"{of(each.taken):.1f} ({of(each.ran):.1f}, {of(each.cores):.1f})" for each in waited)]
