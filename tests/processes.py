"""Helpers for tests that start and kill real processes."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeVar

Found = TypeVar("Found")
PATIENCE_SECONDS: Final = 60.0
"""Far more than anything takes, on a busy machine too."""


def until(condition: Callable[[], Found | None], seconds: float = PATIENCE_SECONDS) -> Found:
    """Poll until `condition` gives something true, and return that."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
        time.sleep(0.01)
    return found


def runs(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has waited for does not."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (ProcessLookupError, FileNotFoundError):
        return False


def gone(pids: Iterable[int], seconds: float = PATIENCE_SECONDS) -> bool:
    """Wait until none of them runs."""
    waiting = list(pids)
    return until(lambda: not any(runs(pid) for pid in waiting), seconds)


def kill_9(pid: int) -> None:
    """End a process as a crash would: it cannot tidy up."""
    os.kill(pid, signal.SIGKILL)


def children(pid: int) -> dict[int, str]:
    """The processes that a process started, and those that they started: numbers and command lines."""
    listing = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in listing.stdout.splitlines()]
    found: dict[int, str] = {}
    for number, parent, *command in rows:
        # In order of age: a parent stands before its children, but for the rare wrap of the numbers.
        if int(parent) in {pid, *found}:
            found[int(number)] = " ".join(command)
    return found
