"""Automatic persisted queries: what clients have sent once, in Redis for all workers, bounded in every direction."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.persisted import scripts
from permissions.engine.facts import Id
from permissions.operations.manifest import digest

_log: Final = structlog.get_logger(__name__)

KEYS: Final = ("parley:{apq}:texts", "parley:{apq}:used", "parley:{apq}:size")
NEAR_SECONDS: Final = 60.0
"""How long a worker goes by its own memory of a text, before Redis hears again that it is in use."""
NEAR_CHARACTERS: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ApqLimits:
    """`seconds` since its last use is a text kept; 0 is not at all. `documents` and `bytes` are of all together."""

    seconds: int = 86_400
    documents: int = 5_000
    bytes: int = 16 * 1024 * 1024
    per_user: int = 200

    @property
    def bytes_per_user(self) -> int:
        """As large a share as that of documents."""
        return min(self.bytes, self.bytes * self.per_user // self.documents)


class AutomaticQueries:
    """One a worker. Without Redis nothing is found and nothing kept: clients send texts then, which are run."""

    def __init__(self, redis: Redis, limits: ApqLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits: Final = limits
        self._clock: Final = clock
        self._finding: Final = redis.register_script(scripts.FIND)
        self._putting: Final = redis.register_script(scripts.PUT)
        self._near: Final[OrderedDict[str, tuple[str, float]]] = OrderedDict()
        self._characters = 0

    async def find(self, hash_: str) -> str | None:
        """The text of this SHA-256, if somebody has left it."""
        known = self._near.get(hash_)
        if known is not None and known[1] > self._clock():
            self._near.move_to_end(hash_)
            return known[0]
        try:
            found = await self._finding(keys=list(KEYS), args=[hash_, self._life])
        except RedisError as error:
            _log.warning("apq.not_asked", kind=type(error).__name__)
            return None
        text = found.decode(errors="replace") if isinstance(found, bytes) else found
        if not isinstance(text, str) or digest(text) != hash_:  # whatever Redis says, a hash stands for one text
            return None
        self._remember(hash_, text)
        return text

    async def keep(self, text: str, user_id: Id) -> None:
        """Keep a sound document that `user_id` has sent."""
        hash_, limits = digest(text), self.limits
        known = self._near.get(hash_)
        if known is not None and known[1] > self._clock():
            return
        args: list[str | bytes | int] = [
            hash_,
            text.encode(),
            self._life,
            limits.documents,
            limits.bytes,
            limits.per_user,
            limits.bytes_per_user,
        ]
        try:
            await self._putting(keys=[*KEYS, f"parley:{{apq}}:of:{user_id}"], args=args)
        except RedisError as error:
            _log.warning("apq.not_kept", kind=type(error).__name__)

    @property
    def _life(self) -> int:
        return self.limits.seconds * 1000

    def _remember(self, hash_: str, text: str) -> None:
        old = self._near.pop(hash_, None)
        self._characters += len(text) - (len(old[0]) if old else 0)
        self._near[hash_] = text, self._clock() + min(NEAR_SECONDS, self.limits.seconds)
        while self._characters > NEAR_CHARACTERS:
            _, (gone, _) = self._near.popitem(last=False)
            self._characters -= len(gone)
