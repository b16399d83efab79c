"""How many sockets and streams each account holds open, of all workers together; those of a worker that died are none.

Each worker says in Redis that it lives. What it wrote down of an account counts as long as it does.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from secrets import token_hex
from typing import Final

import structlog
from beanie import PydanticObjectId
from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from api.background import running

_log: Final = structlog.get_logger(__name__)

LIVE: Final = """
-- KEYS: the workers. ARGV: this one, or ''; ms after which a silent one counts as dead. Answers the time in ms, and
-- who lives. A worker's name begins with the time when it said so first.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
if ARGV[1] ~= '' then redis.call('ZADD', KEYS[1], now, ARGV[1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {now, redis.call('ZRANGE', KEYS[1], 0, -1)}
"""
HOLD: Final = """
-- KEYS: an account's. ARGV: this worker, what it would hold, the most that all may, seconds to remember it, when the
-- workers were listed (ms), who lived then. Answers 1; 0 where it would be too many, and one less is held.
local lives = {}
for i = 6, #ARGV do lives[ARGV[i]] = true end
local held, all = tonumber(ARGV[2]), redis.call('HGETALL', KEYS[1])
local mine = held
for i = 1, #all, 2 do
  local worker = all[i]
  if worker ~= ARGV[1] then
    if lives[worker] or tonumber(string.match(worker, '^%d+')) > tonumber(ARGV[5]) then
      held = held + tonumber(all[i + 1])
    else
      redis.call('HDEL', KEYS[1], worker)
    end
  end
end
local lets = held <= tonumber(ARGV[3])
if not lets then mine = mine - 1 end
if mine > 0 then redis.call('HSET', KEYS[1], ARGV[1], mine) else redis.call('HDEL', KEYS[1], ARGV[1]) end
redis.call('EXPIRE', KEYS[1], ARGV[4])
return lets and 1 or 0
"""
LET_GO: Final = """
-- KEYS: an account's. ARGV: this worker, what it still holds.
if ARGV[2] == '0' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
"""
WORKERS: Final = "parley:workers"
BEAT_SECONDS: Final = 10.0
SILENT_SECONDS: Final = 35.0
"""After so long a worker counts as dead."""
ANSWER_SECONDS: Final = 0.25
"""How long a new connection waits for Redis; without an answer its worker counts for itself."""
AWAY_SECONDS: Final = 1.0
"""For so long it is not asked again."""
KEPT_SECONDS: Final = 7 * 24 * 3600
TURNS: Final = 64

Count = Callable[[], int]


class Presence:
    """One a worker."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Final = redis
        self._live: Final = redis.register_script(LIVE)
        self._hold: Final = redis.register_script(HOLD)
        self._let_go: Final = redis.register_script(LET_GO)
        self._turns: Final = [asyncio.Lock() for _ in range(TURNS)]
        self._away_until = 0.0
        self._name = ""
        self._listed = 0
        self._others: list[str] = []

    async def beat(self) -> None:
        """Say that this worker lives, and hear who else does. Raises `RedisError`."""
        now, live = await self._live(keys=[WORKERS], args=[self._name, round(SILENT_SECONDS * 1000)])
        if not self._name:
            self._name = f"{int(now)}-{token_hex(6)}"
            now, live = await self._live(keys=[WORKERS], args=[self._name, round(SILENT_SECONDS * 1000)])
        self._listed = int(now)
        self._others = [name for name in map(_text, live) if name != self._name]

    async def hold(self, user_id: PydanticObjectId, count: Count, most: int) -> bool:
        """Whether this worker may hold as many of the account's as it does now; True where nobody can say.

        Where it may not, it is written down that it holds one less: nothing else has to be said.
        """
        async with self._turn(user_id):
            args: list[str | int] = [self._name, count(), most, KEPT_SECONDS, self._listed, *self._others]
            return await self._asked(self._hold, user_id, args) != 0

    async def let_go(self, user_id: PydanticObjectId, count: Count) -> None:
        """It holds less; where that can't be said, the next time it will be."""
        async with self._turn(user_id):
            await self._asked(self._let_go, user_id, [self._name, count()])

    async def leave(self) -> None:
        """Nothing of this worker counts any more."""
        with suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._redis.zrem(WORKERS, self._name)

    async def _asked(self, script: AsyncScript, user_id: PydanticObjectId, args: Sequence[str | int]) -> int | None:
        if not self._name or time.monotonic() < self._away_until:
            return None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return int(await script(keys=[f"parley:open:{user_id}"], args=args) or 0)
        except (RedisError, OSError, TimeoutError) as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            _log.warning("store away", what="presence", kind=type(error).__name__)
            return None

    def _turn(self, user_id: PydanticObjectId) -> asyncio.Lock:
        """What is said of an account must arrive in that order."""
        return self._turns[hash(user_id) % len(self._turns)]


@asynccontextmanager
async def present(redis: Redis) -> AsyncIterator[Presence]:
    """Within the block this worker lives."""
    presence = Presence(redis)
    with suppress(RedisError, OSError):
        await presence.beat()
    async with running(_beating(presence)):
        yield presence
    await presence.leave()


async def _beating(presence: Presence) -> None:
    while True:
        await asyncio.sleep(random.uniform(0.5, 1) * BEAT_SECONDS)  # noqa: S311 - nobody gains by guessing it
        try:
            await presence.beat()
        except (RedisError, OSError) as error:
            _log.warning("store away", what="presence", kind=type(error).__name__)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
