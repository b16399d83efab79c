"""The rules in Redis: in order of arrival, so that a worker asks for what is new only. And who has taken which."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from permissions.authn.errors import AuthnUnavailableError
from permissions.authn.principal import new_id
from permissions.authn.revocation import scripts
from permissions.authn.revocation.rules import Rule
from permissions.authn.revocation.wire import packed, unpacked

ANSWER_SECONDS: Final = 1.0
"""A Redis that takes longer counts as one that is away."""
CHANNEL: Final = "parley:{revocations}:news"
"""On which it is said that there is something new: what it is, is asked for."""
SILENT_MS: Final = 60_000
"""A worker that has not asked for so long is forgotten."""
SETTLED_MS: Final = 1_500
"""After Redis was filled, until every living worker has asked again: before, nobody knows who lives."""
_MOST: Final = 2_000
_FILLED_AT_ONCE: Final = 500
_KEYS: Final = [f"parley:{{revocations}}:{name}" for name in ("state", "log", "ends", "tips", "workers", "acks")]


class Mark(NamedTuple):
    """How far somebody has come: a version counts within its epoch. `tip` is the rule that arrived with it."""

    epoch: str = ""
    version: int = 0
    tip: str = ""


@dataclass(frozen=True, slots=True)
class News:
    """`lost`: Redis doesn't know what it once knew, and has to be filled; `mark` then tells its epoch."""

    mark: Mark
    rules: Sequence[Rule] = ()
    lost: bool = False
    more: bool = False
    """Ask again at once: to confirm these, or because they are not all."""
    partial: bool = False
    """They are not all: say that you are reading on."""


@dataclass(frozen=True, slots=True)
class Lagging:
    """Who has not confirmed. `settled`: all who live are known."""

    epoch: str
    settled: bool
    names: tuple[str, ...]


@dataclass(frozen=True)
class Ledger:
    """One a process. Every call raises `AuthnUnavailableError` within `ANSWER_SECONDS` where Redis doesn't answer."""

    redis: Redis
    _scripts: dict[str, Any] = field(default_factory=dict, repr=False)

    async def publish(self, rule: Rule) -> Mark | None:
        """Tell everybody; None where Redis has to be filled first. Doing it twice does no harm."""
        answer = await self._run(scripts.PUBLISH, [CHANNEL, packed(rule), rule.expires_at, rule.id])
        return Mark(_text(answer[0]), int(answer[1]), rule.id) if answer else None

    async def fill(self, rules: Sequence[Rule]) -> int:
        """Put in those that are missing; how many that were."""
        missing, left = 0, iter(rules)
        while some := list(islice(left, _FILLED_AT_ONCE)):
            args = [part for rule in some for part in (packed(rule), rule.expires_at, rule.id)]
            missing += int(await self._run(scripts.FILL, [CHANNEL, *args]))
        return missing

    async def seal(self, ended: str) -> str:
        """It is filled: begin a new epoch, unless another worker was quicker. The epoch that is in force."""
        return _text(await self._run(scripts.SEAL, [CHANNEL, ended, new_id()]))

    async def news(self, worker: str, mark: Mark, *, reading_on: bool = False) -> News:
        """What `worker`, who has come so far, doesn't know. That he asks confirms what he has taken."""
        answer = await self._run(scripts.SYNC, [worker, *mark, _MOST, SILENT_MS, int(reading_on)])
        stands, epoch, version = _text(answer[0]), _text(answer[1]), int(answer[2])
        if stands == "lost":
            return News(Mark(epoch, version), lost=True)
        rules = [unpacked(each) for each in answer[4::2]]
        if len(rules) == _MOST:
            return News(Mark(epoch, int(float(answer[-1])), rules[-1].id), rules, more=True, partial=True)
        tip = _text(answer[3]).partition(":")[2]
        return News(Mark(epoch, version, tip), rules, more=bool(rules) or stands == "anew")

    async def lagging(self, mark: Mark, living_ms: int) -> Lagging:
        """The living workers that have not come so far."""
        epoch, settled, *names = await self._run(scripts.LAGGING, [mark.epoch, mark.version, living_ms, SETTLED_MS])
        return Lagging(_text(epoch), bool(settled), tuple(sorted(map(_text, names))))

    async def leave(self, worker: str) -> None:
        """`worker` ends: nobody need wait for him."""
        await self._run(scripts.LEAVE, [worker])

    async def _run(self, script: str, args: Sequence[Any]) -> Any:
        registered = self._scripts.get(script)
        if registered is None:
            registered = self._scripts[script] = self.redis.register_script(script)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await registered(keys=_KEYS, args=args)
        except (RedisError, OSError, TimeoutError) as error:
            raise AuthnUnavailableError("Redis") from error


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
