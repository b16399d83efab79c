"""Where the library `limits` counts: in our Redis, whatever that is, by the handful, so that few requests ask it."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, Literal

import structlog
from limits.aio.storage import SlidingWindowCounterSupport, Storage
from redis.asyncio import Redis
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from api.rates.lease import Lease
from api.rates.scripts import TAKE
from api.rates.window import Window

_log: Final = structlog.get_logger(__name__)

Clock = Callable[[], float]
"""Seconds, of a clock that only goes on."""
When = Literal["fail_closed", "fail_open"]
"""What happens while Redis is away: nothing, or each worker counts for itself."""

ANSWER_SECONDS: Final = 0.25
"""How long a request waits for Redis."""
AWAY_SECONDS: Final = 1.0
"""For so long Redis is not asked again."""
HANDFUL: Final = 20
"""A worker takes this part of a limit at most beyond what it needs, and no more than it has spent of late."""
MOST_CALLERS: Final = 20_000
"""Of whom a worker remembers anything: those who asked last."""


class LeasingStorage(Storage, SlidingWindowCounterSupport):
    """One a worker. What it took and did not spend lapses: a caller never gets more than his limit, and may get less.

    Raises `RedisError` while Redis is away, if it shall `fail_closed`.
    """

    STORAGE_SCHEME = None

    def __init__(self, redis: Redis, when_away: When = "fail_open", clock: Clock = time.monotonic) -> None:
        super().__init__()
        self.clock: Final = clock
        self._redis: Final = redis
        self._taking: Final = redis.register_script(TAKE)
        self._when_away: Final = when_away
        self.leases: Final = OrderedDict[str, Lease]()
        self._away_until = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        """As `limits` asks for them."""
        return RedisError

    async def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Spend `amount` of what the worker has, or of what Redis gives it then."""
        lease, now = self.lease(key, expiry), self.clock()
        if lease.spend(amount, now):
            return True
        if lease.refuses(limit, amount, now):
            return False
        async with lease.filling:
            if lease.spend(amount, self.clock()):  # somebody else has filled it
                return True
            with lease.held() as held:  # nobody else may spend it while Redis is asked for the rest
                return await self._fill(key, lease, limit, (amount, amount - held))

    async def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """As the worker knows it; what it has and has not spent is free."""
        lease, now = self.lease(key, expiry), self.clock()
        window = lease.window
        before_left = max(0.0, window.before_left - (now - window.at))
        return window.before, before_left, max(0, window.taken - lease.left), window.reset(now) + expiry

    async def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Nothing was taken."""
        self.leases.pop(key, None)
        await self._redis.delete(*_keys(key))

    def lease(self, key: str, expiry: int) -> Lease:
        """What the worker has of it."""
        lease = self.leases.get(key)
        if lease is None:
            lease = self.leases[key] = Lease(Window(expiry, self.clock()))
            if len(self.leases) > MOST_CALLERS:
                self.leases.popitem(last=False)
        else:
            self.leases.move_to_end(key)
        return lease

    async def _fill(self, key: str, lease: Lease, limit: int, wanted: tuple[int, int]) -> bool:
        """`wanted`: in all, and what of it the worker hasn't got."""
        (amount, short), now = wanted, self.clock()
        if lease.refuses(limit, short, now):
            return False
        if now >= self._away_until:
            most = short + min(lease.spent(now), limit // HANDFUL)
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    answer = await self._taking(keys=_keys(key), args=[limit, lease.window.seconds, short, most])
            except (RedisError, OSError, TimeoutError) as error:
                self._away_until = self.clock() + AWAY_SECONDS
                _log.warning("store away", what="rates", kind=type(error).__name__)
            else:
                return lease.fill([int(number) for number in answer.split()], limit, wanted, self.clock())
        if self._when_away == "fail_closed":
            raise RedisTimeoutError("rates can't be counted")
        return lease.alone(limit, amount, now)

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """For other strategies than the sliding window."""
        raise NotImplementedError

    async def get(self, key: str) -> int:
        """The same."""
        raise NotImplementedError

    async def get_expiry(self, key: str) -> float:
        """The same."""
        raise NotImplementedError

    async def check(self) -> bool:
        """Whether Redis answered when it was asked last."""
        return self.clock() >= self._away_until

    async def reset(self) -> int | None:
        """Not of everybody."""
        raise NotImplementedError

    async def clear(self, key: str) -> None:
        """As `clear_sliding_window`."""
        await self.clear_sliding_window(key, 0)


def _keys(key: str) -> list[Any]:
    """As `limits` names them: in one slot."""
    return [f"{{{key}}}/-1", f"{{{key}}}"]
