"""`make soak MINUTES=10`: how long somebody who behaves waits, alone and beside those who press on every limit."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Final

import httpx

from tests.benchmarks.report import Table, publish
from tests.demos import Demo, demo, interruptible, resident
from tests.soak.busy import busy, lowered, processor_seconds
from tests.soak.pressure import PACE, Pressure
from tests.soak.reader import WELL, Waited, WellBehaved, p50, p99, row, well_behaved

WORKERS: Final = 2
ROUNDS: Final = 10
"""In each he is alone, beside the others, and beside busy programs: the machine changes with the minutes."""
QUIET: Final = 0.15
"""The part of a round before the others go on, and that after it, beside busy programs."""
MOST_TIMES: Final = 2.0
MOST_GROWTH: Final = 0.1
WARM: Final = 0.3
SETTLING_SECONDS: Final = 1
"""Until what was begun in the part before has ended."""
LOW: Final = 19
"""The lowest priority, of those who press: elsewhere they would have machines of their own."""
FAIR: Final = (
    "All on one machine, those who press at low priority: elsewhere they would have machines of their own. The busy "
    "programs have, at that priority, the share of the cores that those who pressed and the stores had: what they cost "
    "him is the machine's, not the server's."
)


@dataclass
class Soaked:
    """How long he waited alone, beside the others, and beside programs that are as busy and ask for nothing."""

    pressure: Pressure
    quiet: Waited = field(default_factory=Waited)
    beside: Waited = field(default_factory=Waited)
    control: Waited = field(default_factory=Waited)
    failed: list[str] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    """The workers', over time."""

    @property
    def waited(self) -> Sequence[Waited]:
        """In that order."""
        return self.quiet, self.beside, self.control


async def soak(served: Demo, seconds: float) -> Soaked:
    """Do it."""
    pids = served.workers()
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
    async with (
        well_behaved(served) as well,  # before our priority is lowered
        httpx.AsyncClient(base_url=served.server.url, timeout=60, verify=False, limits=limits) as theirs,
    ):
        with lowered(LOW):
            pressure = Pressure(served, dict(served.known), theirs, float(os.environ.get("PRESSURE", "1")))
            soaked = Soaked(pressure, failed=well.failed)
            async with pressing(soaked, pids, seconds):
                for _ in range(ROUNDS):
                    await take_a_round(soaked, well, served, seconds / ROUNDS)
    assert served.workers() == pids, "a worker has died"
    return soaked


async def take_a_round(soaked: Soaked, well: WellBehaved, served: Demo, seconds: float) -> None:
    """Alone, beside the others, beside busy programs."""
    stores = [pid for pid in served.server.started() if pid not in served.workers()]
    await well.run(SETTLING_SECONDS)
    soaked.quiet += await well.run(seconds * QUIET)
    before, began = (time.process_time(), processor_seconds(stores)), time.monotonic()
    with soaked.pressure.on():
        soaked.beside += await well.run(seconds * (1 - 2 * QUIET))
        took = time.monotonic() - began
        shares = (time.process_time() - before[0]) / took, (processor_seconds(stores) - before[1]) / took
    # The stores have not our low priority; where sessions share the processors, nor has a session of its own.
    with busy([(shares[0], False), (shares[1], True)]):
        await well.run(SETTLING_SECONDS)
        soaked.control += await well.run(seconds * QUIET)


@asynccontextmanager
async def pressing(soaked: Soaked, pids: Sequence[int], seconds: float) -> AsyncIterator[None]:
    """Within the block the others press whenever they may, and the workers' memory is noted."""

    async def watch() -> None:
        while True:
            soaked.memory.append(sum(map(resident, pids)))
            await asyncio.sleep(max(0.2, seconds / 300))

    tasks = [asyncio.ensure_future(client()) for client in (*soaked.pressure.clients(), watch)]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def main() -> int:
    """The exit status."""
    interruptible()
    minutes = float(os.environ.get("MINUTES", "10"))
    with demo(WORKERS, LOG_LEVEL="warning", ACCESS_TOKEN_SECONDS="3600") as served:
        served.add(WELL, "analyst", region="EMEA", department="Sales")
        for who in ("alice", "bob", "sara", "john"):
            served.person(who)
        soaked = asyncio.run(soak(served, minutes * 60))
        errors = [
            line for line in served.server.output.splitlines() if '"level": "error"' in line or "Traceback" in line
        ]
    memory = soaked.memory
    tenth = max(1, len(memory) // 10)
    warm, end = median(memory[int(len(memory) * WARM) :][:tenth]), median(memory[-tenth:])
    quiet, beside, control = (p99(each.taken) for each in soaked.waited)
    times, growth, times_beside_busy = beside / quiet, end / warm - 1, beside / control
    rows = [
        ["p99 beside the others, by that alone", f"{times:.1f} (wanted: {MOST_TIMES:.0f})"],
        ["the same, by that beside programs as busy", f"{times_beside_busy:.1f}"],
        ["requests, and those that failed", f"{sum(len(e.taken) for e in soaked.waited):,}, {len(soaked.failed):,}"],
        [f"memory of the {WORKERS} workers after {WARM:.0%} of the time", f"{warm / 2**20:.0f} MiB"],
        ["the same at the end", f"{end / 2**20:.0f} MiB ({growth:+.1%})"],
        ["errors in the log", str(len(errors))],
    ]
    pressed = [
        [
            name,
            f"{counts.total():,}",
            f"{counts.total() / (minutes * 60 * (1 - 2 * QUIET)):.1f} of {PACE[name] * soaked.pressure.factor:g}",
            ", ".join(f"{answer} {count:,}" for answer, count in counts.most_common(6)),
        ]
        for name, counts in soaked.pressure.answers.items()
    ]
    tables = [
        Table(
            "How long the one who behaves waits, ms: in all (while the loop that answers runs, and waits for a core)",
            ["", "alone", "beside the others", "beside programs as busy"],
            [row("p50", p50, soaked.waited), row("p99", p99, soaked.waited)],
        ),
        Table("A soak at the limits", ["", "figure"], rows),
        Table("What the others were told", ["", "tries", "a second, of those wanted", "answers"], pressed),
    ]
    publish(
        "soak",
        tables,
        [
            f"{minutes:g} minutes in {ROUNDS} rounds: {QUIET:.0%} of each quiet, {QUIET:.0%} beside busy programs. "
            f"{FAIR}"
        ],
    )
    for line in (*soaked.failed[:5], *errors[:5]):
        sys.stdout.write(line + "\n")
    return 1 if times > MOST_TIMES or growth > MOST_GROWTH or soaked.failed or errors else 0


if __name__ == "__main__":
    sys.exit(main())
