"""Who gets a core first, where what would have machines of its own shares one: `sched(7)`, which only Linux knows."""

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final

KNOWN: Final = hasattr(os, "sched_setscheduler")


def patient(pids: Iterable[int]) -> AbstractContextManager[None]:
    """Within the block these processes preempt nobody as they wake, where the system knows such."""
    return _scheduled(pids, os.SCHED_BATCH) if KNOWN else nullcontext()


def aside(pids: Iterable[int]) -> AbstractContextManager[None]:
    """Within the block they are preempted, besides, by whatever else wakes."""
    return _scheduled(pids, os.SCHED_IDLE) if KNOWN else nullcontext()


def stand_aside() -> None:
    """The same of this process and what it starts, from now on."""
    if KNOWN:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


@contextmanager
def _scheduled(pids: Iterable[int], policy: int) -> Iterator[None]:
    known = list(pids)
    _schedule(known, policy)
    try:
        yield
    finally:
        _schedule(known, os.SCHED_OTHER)


def _schedule(pids: Iterable[int], policy: int) -> None:
    for pid in pids:
        with suppress(FileNotFoundError):  # it has ended meanwhile
            for thread in Path(f"/proc/{pid}/task").iterdir():
                with suppress(ProcessLookupError, PermissionError):  # not everybody may take it back
                    os.sched_setscheduler(int(thread.name), policy, os.sched_param(0))
