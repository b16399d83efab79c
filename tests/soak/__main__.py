"""`make soak MINUTES=10`: how long somebody who behaves waits, alone and beside those who press on every limit."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from statistics import median, quantiles
from typing import Final

import httpx

from tests.benchmarks.report import Table, publish
from tests.demos import Demo, demo, resident
from tests.soak.pressure import Pressure

WORKERS: Final = 2
QUIET: Final = 0.15
"""The part of the minutes before the others begin."""
MOST_TIMES: Final = 2.0
MOST_GROWTH: Final = 0.1
WARM: Final = 0.3
LOW: Final = 10
"""The priority of those who press: elsewhere they would have machines of their own."""
WELL: Final = "well"


class WellBehaved:
    """Reads a page ten times a second in a process of its own, and says when it was not given."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.failed: list[str] = []

    async def run(self, seconds: float) -> list[float]:
        """For so long; the seconds of each answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{seconds}\n".encode())
        told = json.loads(await self._process.stdout.readline())
        self.failed += told["failed"]
        return list(told["taken"])


@asynccontextmanager
async def well_behaved(served: Demo) -> AsyncIterator[WellBehaved]:
    """For the length of a block. He has the priority that this process has now."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.soak.well", stdin=pipe, stdout=pipe, limit=2**26
    )
    try:
        assert process.stdin is not None
        who = {"host": served.host, "port": served.port, "headers": served.person(WELL).headers}
        process.stdin.write(json.dumps(who).encode() + b"\n")
        yield WellBehaved(process)
    finally:
        process.kill()
        await process.wait()


async def soak(served: Demo, seconds: float) -> tuple[list[float], list[float], WellBehaved, Pressure, list[int]]:
    """Times alone, times beside the others, and the workers' memory over time."""
    pids = served.workers()
    memory: list[int] = []

    async def watch() -> None:
        while True:
            memory.append(sum(map(resident, pids)))
            await asyncio.sleep(max(0.2, seconds / 300))

    limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
    async with (
        well_behaved(served) as well,
        httpx.AsyncClient(base_url=served.server.url, timeout=60, verify=False, limits=limits) as theirs,
    ):
        os.nice(LOW)
        await well.run(2)
        quiet = await well.run(seconds * QUIET)
        pressure = Pressure(served, dict(served.known), theirs, float(os.environ.get("PRESSURE", "1")))
        pressing = [asyncio.ensure_future(client()) for client in (*pressure.clients(), watch)]
        try:
            beside = await well.run(seconds * (1 - QUIET))
            for task in pressing:
                if task.done():
                    task.result()
        finally:
            for task in pressing:
                task.cancel()
            await asyncio.gather(*pressing, return_exceptions=True)
    assert served.workers() == pids, "a worker has died"
    return quiet, beside, well, pressure, memory


def p99(seconds: Sequence[float]) -> float:
    """In milliseconds."""
    return quantiles(seconds, n=100, method="inclusive")[98] * 1000


def main() -> int:
    """The exit status."""
    minutes = float(os.environ.get("MINUTES", "10"))
    with demo(WORKERS, LOG_LEVEL="warning", ACCESS_TOKEN_SECONDS="3600") as served:
        served.add(WELL, "analyst", region="EMEA", department="Sales")
        for who in ("alice", "bob", "sara", "john"):
            served.person(who)
        quiet, beside, well, pressure, memory = asyncio.run(soak(served, minutes * 60))
        errors = [
            line for line in served.server.output.splitlines() if '"level": "error"' in line or "Traceback" in line
        ]
    tenth = max(1, len(memory) // 10)
    warm, end = median(memory[int(len(memory) * WARM) :][:tenth]), median(memory[-tenth:])
    times, growth = p99(beside) / p99(quiet), end / warm - 1
    rows = [
        ["p50 of the one who behaves, alone", f"{median(quiet) * 1000:.1f} ms"],
        ["the same beside the others", f"{median(beside) * 1000:.1f} ms"],
        ["p99, alone", f"{p99(quiet):.1f} ms"],
        ["the same beside the others", f"{p99(beside):.1f} ms ({times:.1f} times; wanted: {MOST_TIMES:.0f})"],
        ["its requests, and those that failed", f"{len(quiet) + len(beside):,}, {len(well.failed):,}"],
        [f"memory of the {WORKERS} workers after {WARM:.0%} of the time", f"{warm / 2**20:.0f} MiB"],
        ["the same at the end", f"{end / 2**20:.0f} MiB ({growth:+.1%})"],
        ["errors in the log", str(len(errors))],
    ]
    pressed = [
        [name, f"{counts.total():,}", ", ".join(f"{answer} {count:,}" for answer, count in counts.most_common(6))]
        for name, counts in pressure.answers.items()
    ]
    tables = [
        Table("A soak at the limits", ["", "figure"], rows),
        Table("What the others were told", ["", "tries", "answers"], pressed),
    ]
    publish(
        "soak",
        tables,
        [f"{minutes:g} minutes, {QUIET:.0%} of them quiet; all on one machine; those who press at low priority."],
    )
    for line in (*well.failed[:5], *errors[:5]):
        sys.stdout.write(line + "\n")
    return 1 if times > MOST_TIMES or growth > MOST_GROWTH or well.failed or errors else 0


if __name__ == "__main__":
    sys.exit(main())
