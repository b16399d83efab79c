"""Who gets a core first, where what would have machines of its own shares one: `sched(7)`, which only Linux knows."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator
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


@contextmanager
def confined(pids: Iterable[int], cores: Collection[int]) -> Iterator[None]:
    """Within the block these processes, this one, and what it starts run on no other cores than these."""
    known, usual = [os.getpid(), *pids], os.sched_getaffinity(0)
    _each_thread(known, lambda thread: os.sched_setaffinity(thread, cores))
    try:
        yield
    finally:
        _each_thread(known, lambda thread: os.sched_setaffinity(thread, usual))


def _schedule(pids: Iterable[int], policy: int) -> None:
    _each_thread(pids, lambda thread: os.sched_setscheduler(thread, policy, os.sched_param(0)))


def _each_thread(pids: Iterable[int], do: Callable[[int], None]) -> None:
    for pid in pids:
        with suppress(FileNotFoundError):  # it has ended meanwhile
            for thread in Path(f"/proc/{pid}/task").iterdir():
                with suppress(ProcessLookupError):
                    do(int(thread.name))
