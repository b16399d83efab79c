"""Sessions in Redis: opened, rotated, listed, ended."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from beanie import PydanticObjectId
from redis.asyncio import Redis

from models.clock import now
from permissions.authn import devices, scripts
from permissions.authn.availability import answering
from permissions.authn.errors import TokenReusedError, TokenRevokedError
from permissions.authn.principal import Client, Principal
from permissions.authn.records import (
    Session,
    index_of,
    key_of,
    ms,
    pairs,
    read,
    text,
    written,
)

__all__ = ["Ended", "Rotated", "Session", "SessionLimits", "Sessions"]

LISTED: Final = 1_000
"""Most sessions of a user that are looked at; those that end last. The cap keeps their number far below."""
RECENT: Final = 8
"""Used refresh tokens of a session that are known within the leeway. An honest client has no more under way."""

ENDED: Final = "session_ended"
EXPIRED: Final = "session_expired"
REUSED: Final = "refresh_token_reused"
LOGGED_OUT: Final = "logged_out"
DISABLED: Final = "account_disabled"
TOO_MANY: Final = "too_many_sessions"


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """`lifetime` is absolute, from sign-in on; `idle` is how long a session may go without being refreshed."""

    lifetime: timedelta = timedelta(days=30)
    idle: timedelta = timedelta(days=14)
    leeway: timedelta = timedelta(seconds=10)
    """In which the same client may present a used refresh token again."""
    most: int = 100
    """Sessions of one account; a further one ends the one that was used longest ago."""
    remembered: timedelta = timedelta(days=1)
    """How long a client can learn why its session ended."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """`session` as it is now, `before` as it was; `steps` lead from the presented token to the one that counts."""

    session: Session
    before: Session
    steps: int


@dataclass(frozen=True, slots=True)
class Ended:
    """`now`: by this very call. `known`: it lives or has lived not long ago."""

    now: bool
    known: bool


class Sessions:
    """One a worker. `clock` tells the time by which limits are reckoned."""

    def __init__(self, redis: Redis, limits: SessionLimits | None = None, clock: Callable[[], datetime] = now) -> None:
        self._redis = redis
        self._clock = clock
        self.limits = limits or SessionLimits()
        self._open = redis.register_script(scripts.OPEN)
        self._rotate = redis.register_script(scripts.ROTATE)
        self._settle = redis.register_script(scripts.SETTLE)
        self._end = redis.register_script(scripts.END)
        self._records = redis.register_script(scripts.RECORDS)

    async def open(
        self,
        principal: Principal,
        refresh: str,
        device: str | None,
        client: Client,
        lifetime: timedelta | None = None,
    ) -> Session:
        """Start `principal`'s session with the digest of its first refresh token; `lifetime` is for a short one."""
        at = self._clock()
        session = Session(
            id=principal.session_id,
            user_id=principal.user_id,
            device=devices.name_of(device, client),
            ip=client.ip,
            created_at=at,
            last_used_at=at,
            expires_at=at + (lifetime or self.limits.lifetime),
            opened_ip=client.ip,
            agent=devices.agent_of(client),
        )
        record = [part for pair in {"refresh": refresh, **written(session)}.items() for part in pair]
        args: list[str | int] = [session.id, ms(at), ms(self.idle_end(session)), *record]
        async with answering("Redis"):
            await self._open(keys=_keys(principal), args=args)
        return session

    async def rotate(self, principal: Principal, presented: str, successor: str, client: Client) -> Rotated:
        """Swap the refresh digest `presented` for `successor`, once.

        Presented again within the leeway by the same client it changes nothing. Raise `TokenRevokedError` where the
        session has ended; `TokenReusedError` where it ends now because `presented` was used before, and again until
        that is `settled`.
        """
        at = self._clock()
        swap: list[str | int] = [principal.session_id, presented, successor, ms(at)]
        asker = [client.ip or "", devices.proof_of(client)]
        limits = [_length(each) for each in (self.limits.leeway, self.limits.idle, self.limits.remembered)]
        async with answering("Redis"):
            reason, record, steps = await self._rotate(
                keys=_keys(principal), args=[*swap, *asker, *limits, RECENT, REUSED, EXPIRED, ENDED]
            )
        if reason:
            raise _refusal(text(reason), settled=bool(steps))
        before = read(principal, pairs(record))
        return Rotated(_used(before, client.ip, at), before, int(steps))

    async def end(self, principal: Principal, reason: str) -> Ended:
        """End the session: it can't be refreshed any more. Its access tokens are another matter."""
        args: list[str | int] = [principal.session_id, reason, _length(self.limits.remembered)]
        async with answering("Redis"):
            outcome = int(await self._end(keys=_keys(principal), args=args))
        return Ended(now=outcome == 1, known=outcome >= 0)

    async def settled(self, principal: Principal) -> None:
        """All is done that a reused token calls for; it need not be done again when it comes again."""
        async with answering("Redis"):
            await self._settle(keys=[key_of(principal)])

    async def of(self, user_id: PydanticObjectId, own: str | None = None) -> list[Session]:
        """The user's living sessions, newest first; the one with the id `own` is among them, however many there are."""
        async with answering("Redis"):
            ids = await self._redis.zrange(
                index_of(user_id), "+inf", f"({ms(self._clock())}", desc=True, byscore=True, offset=0, num=LISTED
            )
            wanted = dict.fromkeys([*map(text, ids), *([own] if own else [])])
            found = await self._read(Principal(user_id, each) for each in wanted)
        return sorted(found, key=lambda session: session.created_at, reverse=True)

    def idle_end(self, session: Session) -> datetime:
        """When it ends unless it is used before."""
        return min(session.expires_at, session.last_used_at + self.limits.idle)

    async def _read(self, principals: Iterable[Principal]) -> list[Session]:
        wanted = list(principals)
        keys = [key_of(principal) for principal in wanted]
        records = [pairs(flat) for flat in await self._records(keys=keys)] if keys else []
        return [
            read(principal, record) for principal, record in zip(wanted, records, strict=True) if "refresh" in record
        ]


def _keys(principal: Principal) -> list[str]:
    return [key_of(principal), index_of(principal.user_id)]


def _refusal(reason: str, *, settled: bool) -> TokenRevokedError:
    return TokenReusedError(reason) if reason == REUSED and not settled else TokenRevokedError(reason)


def _length(duration: timedelta) -> int:
    """Milliseconds."""
    return round(duration.total_seconds() * 1000)


def _used(session: Session, ip: str | None, at: datetime) -> Session:
    return replace(session, ip=ip, last_used_at=at)
