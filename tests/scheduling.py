"""Who gets a core first, where what would have machines of its own shares one: `sched(7)`, which only Linux knows."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

KNOWN: Final = hasattr(os, "sched_setscheduler")


@contextmanager
def patient(pids: Iterable[int]) -> Iterator[None]:
    """Within the block these processes preempt nobody as they wake, where the system knows such."""
    if not KNOWN:
        yield
        return
    pids = list(pids)
    _schedule(pids, os.SCHED_BATCH)
    try:
        yield
    finally:
        _schedule(pids, os.SCHED_OTHER)


def stand_aside() -> None:
    """From now on this process, and what it starts, is preempted by whatever else wakes."""
    if KNOWN:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _schedule(pids: Iterable[int], policy: int) -> None:
    for pid in pids:
        with suppress(FileNotFoundError):  # it has ended meanwhile
            for thread in Path(f"/proc/{pid}/task").iterdir():
                with suppress(ProcessLookupError):
                    os.sched_setscheduler(int(thread.name), policy, os.sched_param(0))
