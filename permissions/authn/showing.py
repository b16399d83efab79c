"""What was made to be shown, and may wait: before it is sent, whoever shall see it is judged again."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

GOOD_SECONDS: Final = 0.5
"""How long what was made is good without that."""

Check = Callable[[], Awaitable[bool]]
"""Whether the caller may still see it."""
Show = Callable[[Check | None], None]


class Shown:
    """One thing."""

    __slots__ = ("_check", "_until")

    def __init__(self, check: Check) -> None:
        self._check: Final = check
        self._until = time.monotonic() + GOOD_SECONDS

    async def sendable(self, waits: Callable[[], Awaitable[bool]]) -> bool:
        """Whether it may be sent, at once; `waits` returns when it can be, and whether that took any time."""
        await waits()
        while time.monotonic() >= self._until:
            begun = time.monotonic()
            if not await self._check():
                return False
            if not await waits():
                break
            self._until = begun + GOOD_SECONDS
        return True


class Showing:
    """What is under way to one client: of each task in the order in which it was made."""

    __slots__ = ("_under_way",)

    def __init__(self) -> None:
        self._under_way: dict[asyncio.Task[object], deque[Shown | None]] = {}

    @contextmanager
    def by_task(self) -> Iterator[Show]:
        """Within the block the running task says of each thing that it makes how to look whether it may be seen.

        It says so before the thing is given on, of each, and None where anybody may see it.
        """
        task = asyncio.current_task()
        under_way = deque[Shown | None]()
        if task is not None:
            self._under_way[task] = under_way
        try:
            yield lambda check: under_way.append(None if check is None else Shown(check))
        finally:
            if task is not None and not under_way:
                self.forget(task)

    def next(self, task: asyncio.Task[object] | None = None) -> Shown | None:
        """What `task` made, or the only one that makes anything, and is to be sent now; None where nobody looks."""
        under_way = self._under_way.get(task) if task else next(iter(self._under_way.values()), None)
        return under_way.popleft() if under_way else None

    def forget(self, task: asyncio.Task[object]) -> None:
        """Nothing of what it made is sent."""
        self._under_way.pop(task, None)
