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
    known = list(pids)
    _schedule(known, os.SCHED_BATCH)
    try:
        yield
    finally:
        _schedule(known, os.SCHED_OTHER)


def _schedule(pids: Iterable[int], policy: int) -> None:
    for pid in pids:
        with suppress(FileNotFoundError):  # it has ended meanwhile
            for thread in Path(f"/proc/{pid}/task").iterdir():
                with suppress(ProcessLookupError):
                    os.sched_setscheduler(int(thread.name), policy, os.sched_param(0))
