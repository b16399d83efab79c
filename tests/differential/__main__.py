"""`make differential EXECUTIONS=1000000 SEED=1`: in several processes; a table, and 1 if something is wrong."""

import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from tests.benchmarks.report import Table, publish
from tests.differential.shards import FOLDER, Part, Shard

EVERY_SECONDS: Final = 15
COMMAND: Final = ("-W", "ignore", "-m", "pytest", "-q", "-n0", "-p", "no:unraisableexception", "-W", "ignore")
WHAT: Final = ("-m", "benchmark", "tests/differential/test_long.py")


def main() -> int:
    """The exit status."""
    executions, seed = int(os.environ.get("EXECUTIONS", "100000")), int(os.environ.get("SEED", "1"))
    number = int(os.environ.get("PROCESSES") or os.cpu_count() or 1)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    shards = [Shard(each, seed, -(-executions // number)) for each in range(number)]
    began = time.monotonic()
    statuses = run(shards, began)
    parts, took = together(shards), time.monotonic() - began
    found = [each for part in parts.values() for each in part.tally.found]
    for each in found:
        sys.stdout.write(f"\n{each}\n\n{'-' * 80}\n")
    show(parts, took, seed, number)
    if any(statuses) and not found:
        sys.stdout.write(f"a process failed: see {FOLDER}\n")
    return 1 if found or any(statuses) else 0


def run(shards: Sequence[Shard], began: float) -> list[int]:
    """All of them, to their ends; what they come to."""
    processes = []
    for shard in shards:
        with (FOLDER / f"{shard.number}.log").open("w") as log:
            command = (sys.executable, *COMMAND, *WHAT)
            processes.append(subprocess.Popen(command, env=shard.environment, stdout=log, stderr=subprocess.STDOUT))
    try:
        while any(each.poll() is None for each in processes):
            time.sleep(EVERY_SECONDS)
            progress(shards, began)
    finally:
        for each in processes:
            each.terminate()
    return [each.wait() for each in processes]


def progress(shards: Sequence[Shard], began: float) -> None:
    """A line of how far they are."""
    parts = together(shards)
    done = sum(part.tally.executions for part in parts.values())
    wrong = sum(len(part.tally.found) for part in parts.values())
    rate = done / (time.monotonic() - began)
    sys.stdout.write(f"{done:,} executions, {rate:,.0f} a second, {wrong} wrong\n")
    sys.stdout.flush()


def together(shards: Sequence[Shard]) -> dict[str, Part]:
    """What all have done."""
    parts: dict[str, Part] = defaultdict(Part)
    for shard in shards:
        for name, part in shard.heard().items():
            parts[name].add(part)
    return dict(parts)


def show(parts: dict[str, Part], took: float, seed: int, processes: int) -> None:
    """The table."""
    rows = [
        [
            name,
            f"{part.tally.executions:,}",
            f"{part.tally.documents:,}",
            *(f"{part.tally.answers[kind]:,}" for kind in ("data", "data and errors", "errors only")),
            f"{part.tally.raced:,}",
            str(len(part.tally.found)),
            f"{1_000 * part.seconds / max(1, part.tally.executions):.1f}",
        ]
        for name, part in parts.items()
    ]
    done = sum(part.tally.executions for part in parts.values())
    notes = [
        f"Seed {seed}, {processes} processes, {took:,.0f} s: {done / took:,.0f} executions a second. Each was executed "
        "compiled and by graphql-core, and data, errors, decisions, calls to the database and bytes were compared."
    ]
    head = ["", "executions", "documents", "data", "and errors", "errors only", "raced", "wrong", "CPU, ms"]
    publish("differential", [Table("Compiled against graphql-core", head, rows)], notes)


if __name__ == "__main__":
    sys.exit(main())
