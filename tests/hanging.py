"""A test that hangs fails, and says where; if it can't be ended so, its process is. `make test` sets `--patience`.

Pytest's own `faulthandler_timeout` forgets a test at its first failure, and neither that nor pytest-timeout tells the
stacks of asyncio's tasks, without which a test that hangs says only that its loop was waiting.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Generator, Iterator
from types import FrameType
from typing import Final

import pytest

OPTION: Final = "--patience"
GRACE: Final = 0.5
"""The part of the patience that a test has to tidy up after it was ended."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the option."""
    parser.addoption(OPTION, type=float, default=0.0, metavar="SECONDS", help="what a test may take; 0: any time")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Watch over a test, its setup and its teardown."""
    seconds: float = item.config.getoption(OPTION)
    if not seconds:
        return (yield)
    before = signal.signal(signal.SIGALRM, _Ending(item.nodeid, seconds))
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds * GRACE)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class _Ending:
    """Fails what runs; where that doesn't end it, the process ends."""

    def __init__(self, test: str, seconds: float) -> None:
        self._said: Final = f"{test} has not ended within {seconds} s"
        self._failed = False

    def __call__(self, _: int, __: FrameType | None) -> None:
        if self._failed:
            os._exit(1)
        self._failed = True
        _tell_tasks()
        pytest.fail(self._said)


def _tell_tasks() -> None:
    """What each waits for, if a loop runs here: to stderr, which is shown with the failure."""
    try:
        tasks = asyncio.all_tasks()
    except RuntimeError:
        return
    for task in tasks:
        sys.stderr.write(f"{task.get_name()} waits:\n" + "".join(_places(task.get_coro())))


def _places(waiting: object) -> Iterator[str]:
    """From a coroutine to the one that it awaits, and on; `Task.get_stack` has the first only."""
    while waiting is not None:
        kind = next((kind for kind in ("cr", "gi", "ag") if hasattr(waiting, f"{kind}_frame")), None)
        if kind is None or (frame := getattr(waiting, f"{kind}_frame")) is None:
            return
        yield f"  {frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}\n"
        waiting = getattr(waiting, "gi_yieldfrom" if kind == "gi" else f"{kind}_await")
