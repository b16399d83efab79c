"""`make differential EXECUTIONS=1000000 SEED=1`: in several processes; a table, and 1 if something is wrong.

SIGTERM ends it with the table of what is done; `RESUME=1` goes on from there.
"""

import os
import shutil
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from threading import Event
from typing import Final

from tests.benchmarks.report import Table, publish
from tests.differential.processes import Process
from tests.differential.shards import FOLDER, Part, Shard

EVERY_SECONDS: Final = 15


def main() -> int:
    """The exit status."""
    executions, seed = int(os.environ.get("EXECUTIONS", "100000")), int(os.environ.get("SEED", "1"))
    number = int(os.environ.get("PROCESSES") or os.cpu_count() or 1)
    if not os.environ.get("RESUME"):
        shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    stopped = Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: stopped.set())
    processes = [Process(Shard(each, seed, -(-executions // number))) for each in range(number)]
    began = time.monotonic()
    run(processes, began, stopped)
    parts, took = together(processes), time.monotonic() - began
    found = [each for part in parts.values() for each in part.tally.found]
    for each in (*(each for part in parts.values() for each in part.tally.once), *found):
        sys.stdout.write(f"\n{each}\n\n{'-' * 80}\n")
    ended = [f"Process {each.shard.number}: status {each.status}, begun {each.begun} times." for each in processes]
    if stopped.is_set():
        ended.append(f"Stopped before {executions:,} executions: RESUME=1 goes on from here.")
    show(parts, took, [f"Seed {seed}.", *ended])
    return 1 if found or stopped.is_set() or any(each.status for each in processes) else 0


def run(processes: Sequence[Process], began: float, stopped: Event) -> None:
    """All of them, to their ends; or until it is said that they are to stop."""
    for each in processes:
        each.begin()
    try:
        while not stopped.wait(EVERY_SECONDS):
            progress(processes, began)
            going = [each.goes_on() for each in processes]  # each is asked: one that has failed begins anew
            if not any(going):
                break
    finally:
        for each in processes:
            each.end()


def progress(processes: Sequence[Process], began: float) -> None:
    """A line of how far they are."""
    parts = together(processes)
    done = sum(part.tally.executions for part in parts.values())
    wrong = sum(len(part.tally.found) for part in parts.values())
    once = sum(len(part.tally.once) for part in parts.values())
    rate = done / (time.monotonic() - began)
    sys.stdout.write(f"{done:,} executions, {rate:,.0f} a second, {wrong} wrong, {once} once\n")
    sys.stdout.flush()


def together(processes: Sequence[Process]) -> dict[str, Part]:
    """What all have done."""
    parts: dict[str, Part] = defaultdict(Part)
    for each in processes:
        for name, part in each.shard.heard().items():
            parts[name].add(part)
    return dict(parts)


def show(parts: dict[str, Part], took: float, notes: list[str]) -> None:
    """The table."""
    rows = [
        [
            name,
            f"{part.tally.executions:,}",
            f"{part.tally.documents:,}",
            *(f"{part.tally.answers[kind]:,}" for kind in ("data", "data and errors", "errors only")),
            f"{part.tally.raced:,}",
            str(len(part.tally.once)),
            str(len(part.tally.found)),
            *(f"{1_000 * each / max(1, part.tally.executions):.1f}" for each in (part.seconds, part.stores)),
        ]
        for name, part in parts.items()
    ]
    done = sum(part.tally.executions for part in parts.values())
    said = (
        f"{done:,} executions, {took:,.0f} s since it was begun last. Each was executed compiled and by graphql-core, "
        "and data, errors, decisions, calls to the database and bytes were compared."
    )
    head = [
        "",
        "executions",
        "documents",
        "data",
        "and errors",
        "errors only",
        "raced",
        "once",
        "wrong",
        "CPU, ms",
        "stores', ms",
    ]
    publish("differential", [Table("Compiled against graphql-core", head, rows)], [said, *notes])


if __name__ == "__main__":
    sys.exit(main())
