"""Time that a test lets pass, and the calls to Redis, counted."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from redis.asyncio import Redis

from api.rates.storage import ANSWER_SECONDS


@dataclass
class Time:
    """Of workers and of Redis, which move on together."""

    redis: Redis
    now: float = 1_000.0
    keys: list[str] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def passes(self, seconds: float) -> None:
        """So much later."""
        self.now += seconds
        for key in self.keys:
            left = await self.redis.pttl(key)
            if left > 0:
                await self.redis.pexpire(key, max(1, left - round(seconds * 1000)))


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is not Redis that is away."""
    monkeypatch.setattr("api.rates.storage.ANSWER_SECONDS", 10.0)


@pytest.fixture
def hasty(patient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis is away at once."""
    monkeypatch.setattr("api.rates.storage.ANSWER_SECONDS", ANSWER_SECONDS)


@pytest.fixture
def time(redis: Redis) -> Time:
    """Stands still."""
    return Time(redis)


class Asked(list[str]):
    """The commands that a client sends. What it sends while it waits for an answer is no further round trip."""

    trips = 0
    waiting = 0


@pytest.fixture
def asked(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """By the test's client."""
    return counted(redis, monkeypatch)


def counted(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """By any."""
    sent = Asked()
    send: Callable[..., Awaitable[Any]] = redis.execute_command

    async def noted(*args: Any, **options: Any) -> Any:
        sent.append(str(args[0]))
        sent.trips += not sent.waiting
        sent.waiting += 1
        try:
            return await send(*args, **options)
        finally:
            sent.waiting -= 1

    monkeypatch.setattr(redis, "execute_command", noted)
    return sent
