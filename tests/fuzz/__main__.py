"""`make fuzz CASES=100000 SEED=7`: all fuzzers against two workers, once; a table, and 1 if something is wrong.

SIGTERM ends it, and the server with it, with the table of what is done.
"""

import asyncio
import os
import secrets
import signal
import sys
import time
from pathlib import Path
from statistics import median, quantiles
from threading import Event
from typing import Final

import orjson

from tests.benchmarks.report import Table, publish
from tests.demos import UNBOUNDED, demo
from tests.fuzz.campaign import Campaign, Canary, elapsed

WORKERS: Final = 2
WARM: Final = 0.3
"""The part of the cases after which what the workers keep should be there."""
GROWTH: Final = 0.1
"""What they may have more at the end than then; less than what a hundred thousand small leaks are."""
FOUND: Final = Path(".parley/fuzz.jsonl")


def main() -> int:
    """The exit status."""
    count, seed = int(os.environ.get("CASES", "100000")), int(os.environ.get("SEED", "7"))
    began, stopped = time.monotonic(), Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())  # by default it would leave the server running
    with demo(WORKERS, **UNBOUNDED) as served:
        if stopped.is_set():
            return 1
        canary = Canary.of(served, f"canary-{secrets.token_hex(6)}")
        campaign = Campaign(served, seed, canary, stopped)
        asyncio.run(campaign.run(count))
        logged = list(campaign.in_the_log())
    first, last, growth = grown(campaign.memory)
    flat = growth <= GROWTH or len(campaign.memory) < 10
    keep(campaign, logged)
    rows = [
        ["cases", f"{sum(map(len, campaign.seconds.values())):,}"],
        ["answered with a failure, late, or with too much", str(len(campaign.faulty))],
        ["lines in the log that should not be there", str(len(logged))],
        [f"memory of the workers after {WARM:.0%} of the cases", f"{first / 2**20:.0f} MiB"],
        ["the same at the end", f"{last / 2**20:.0f} MiB ({growth:+.1%})"],
        ["signed in again", str(campaign.logins)],
        ["could not come back", ", ".join(sorted(campaign.lost)) or "nobody"],
        ["it took", elapsed(began)],
    ]
    by_kind = [
        [name, f"{len(campaign.seconds[name]):,}", *times(campaign.seconds[name]), kinds(campaign, name)]
        for name in campaign.tried
    ]
    notes = [f"Seed {seed}, {WORKERS} workers, a dozen cases at a time."]
    if stopped.is_set():
        notes.append(f"Stopped before {count:,} cases.")
    head = ["", "cases", "p50, ms", "p99, ms", "longest, ms", "answers"]
    publish("fuzz", [Table("Fuzzing", ["", "figure"], rows), Table("What was answered", head, by_kind)], notes)
    return 1 if campaign.faulty or logged or not flat or stopped.is_set() else 0


def grown(memory: list[int]) -> tuple[float, float, float]:
    """When warm, at the end, and how much more that is: medians of a tenth of the samples each."""
    tenth = max(1, len(memory) // 10)
    warm = min(int(len(memory) * WARM), len(memory) - tenth)
    first, last = median(memory[warm : warm + tenth]), median(memory[-tenth:])
    return first, last, last / first - 1


def times(seconds: list[float]) -> list[str]:
    """Median, 99th percentile and the longest."""
    cuts = quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else seconds * 99
    return [f"{each * 1000:.0f}" for each in (cuts[49], cuts[98], max(seconds))]


def kinds(campaign: Campaign, name: str) -> str:
    """The most frequent answers."""
    return ", ".join(f"{kind} {number:,}" for kind, number in campaign.tried[name].most_common(7))


def keep(campaign: Campaign, logged: list[str]) -> None:
    """All that was wrong, to be looked at, and the memory over time."""
    FOUND.parent.mkdir(exist_ok=True)
    lines = [
        orjson.dumps({"fuzzer": name, "case": case[:20_000], "faults": faults, "told": repr(told[:3_000])})
        for name, case, faults, told in campaign.faulty
    ]
    lines += [orjson.dumps({"logged": line}) for line in logged[:1_000]]
    FOUND.write_bytes(b"\n".join([*lines, orjson.dumps({"memory": campaign.memory}), b""]))


if __name__ == "__main__":
    sys.exit(main())
