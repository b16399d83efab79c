"""What a worker holds open, sockets and streams: how many are whose, and their end when the worker stops."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Final, Protocol

from beanie import PydanticObjectId


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What clients may hold open."""

    init_seconds: float = 10.0
    """How long a socket may take to say who opened it."""
    operations: int = 1_000
    """Under way on one socket."""
    per_user: int = 100
    """Sockets and streams of one account, on all workers together."""


class TooManyConnectionsError(Exception):
    """An account holds as much open as it may."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} sockets and streams are open: close some, or come back later")


class Register(Protocol):
    """Knows what all workers hold."""

    async def hold(self, user_id: PydanticObjectId, count: Callable[[], int], most: int) -> bool:
        """Whether this worker may hold as many of the account's as `count` tells; else it holds one less."""

    async def let_go(self, user_id: PydanticObjectId, count: Callable[[], int]) -> None:
        """It holds less by now."""


class Connections:
    """One a worker."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self.draining = False
        self._leave: Final = set[Callable[[], None]]()
        self._of: Final = Counter[PydanticObjectId]()
        self._empty: Final = asyncio.Event()

    @contextmanager
    def held(self, leave: Callable[[], None]) -> Iterator[None]:
        """Within the block something is open, as between `add` and `discard`."""
        self.add(leave)
        try:
            yield
        finally:
            self.discard(leave)

    def add(self, leave: Callable[[], None]) -> None:
        """Something is open. `leave` is called, at most once, when it shall come to its end."""
        self._leave.add(leave)
        if self.draining:
            leave()

    def discard(self, leave: Callable[[], None]) -> None:
        """It is open no more."""
        self._leave.discard(leave)
        if not self._leave:
            self._empty.set()

    @asynccontextmanager
    async def counted(self, user_id: PydanticObjectId, register: Register) -> AsyncIterator[None]:
        """Within the block it is one of the account's. Raise `TooManyConnectionsError` where that is too many."""
        most = self.limits.per_user
        if self._of[user_id] >= most:
            raise TooManyConnectionsError(most)
        self._of[user_id] += 1
        refused = False
        try:
            refused = not await register.hold(user_id, lambda: self._of[user_id], most)
            if refused:
                raise TooManyConnectionsError(most)
            yield
        finally:
            self._of[user_id] -= 1
            if not self._of[user_id]:
                del self._of[user_id]
            if not refused and not self.draining:  # with the worker all of it ends
                await register.let_go(user_id, lambda: self._of.get(user_id, 0))

    async def drain(self, seconds: float) -> None:
        """Have everything come to its end, and return when it has; after `seconds` anyway."""
        self.draining = True
        for leave in list(self._leave):
            leave()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._leave:
                    self._empty.clear()
                    await self._empty.wait()
