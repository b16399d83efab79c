"""Sessions in Redis: opened, rotated, listed, ended. All keys of one user share a slot of a Redis Cluster."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from beanie import PydanticObjectId
from redis.asyncio import Redis

from models.clock import now
from permissions.authn import scripts
from permissions.authn.availability import answering
from permissions.authn.errors import TokenRevokedError
from permissions.authn.principal import Client, Principal

LISTED: Final = 100
"""Most sessions of a user that a list shows; the newest."""
DEVICE_CHARACTERS: Final = 200

ENDED: Final = "session_ended"
REUSED: Final = "refresh_token_reused"
LOGGED_OUT: Final = "logged_out"
DISABLED: Final = "account_disabled"


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in device."""

    id: str
    user_id: PydanticObjectId
    device: str | None
    ip: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """`ended` is the reason why a session is over; None while it lives, and then the rest is known."""

    ended: str | None
    device: str | None = None
    created_at: datetime | None = None


class Sessions:
    """`lifetime` is absolute, from sign-in on; `access_lifetime` is how long the end of a session is remembered."""

    def __init__(self, redis: Redis, *, lifetime: timedelta, access_lifetime: timedelta) -> None:
        self._redis = redis
        self._lifetime = lifetime
        self._remember = int(access_lifetime.total_seconds() * 1000)
        self._open = redis.register_script(scripts.OPEN)
        self._rotate = redis.register_script(scripts.ROTATE)
        self._end = redis.register_script(scripts.END)

    async def open(
        self,
        principal: Principal,
        refresh: str,
        device: str | None,
        client: Client,
        lifetime: timedelta | None = None,
    ) -> Session:
        """Start `principal`'s session with the digest of its first refresh token; `lifetime` is for a short one."""
        moment = now()
        session = Session(
            id=principal.session_id,
            user_id=principal.user_id,
            device=_shortened(device or client.user_agent),
            ip=client.ip,
            created_at=moment,
            last_used_at=moment,
            expires_at=moment + (lifetime or self._lifetime),
        )
        record: list[str | int] = [part for pair in _fields(session, refresh).items() for part in pair]
        args: list[str | int] = [session.id, _ms(moment), _ms(session.expires_at), *record]
        async with answering("Redis"):
            await self._open(keys=_keys(principal), args=args)
        return session

    async def rotate(self, principal: Principal, presented: str, successor: str, client: Client) -> Session:
        """Swap the refresh digest `presented` for `successor`, once.

        Raise `TokenRevokedError` where the session has ended, or ends now because `presented` was used before.
        """
        swap = [principal.session_id, presented, successor]
        context: list[str | int] = [_ms(now()), client.ip or "", self._remember, REUSED]
        async with answering("Redis"):
            reason, record = await self._rotate(keys=_keys(principal), args=[*swap, *context])
        if reason:
            raise TokenRevokedError(_text(reason))
        return _session(principal, _pairs(record))

    async def end(self, principal: Principal, reason: str) -> bool:
        """End the session; False if it had ended before."""
        async with answering("Redis"):
            ended = await self._end(keys=_keys(principal), args=[principal.session_id, reason, self._remember])
        return bool(ended)

    async def standing(self, principal: Principal) -> Standing:
        """Whether `principal`'s session lives."""
        fields = ["refresh", "ended", "device", "created"]
        async with answering("Redis"):
            refresh, ended, device, created = await self._redis.hmget(_keys(principal)[0], fields)
        if ended is not None or refresh is None:
            return Standing(ENDED if ended is None else _text(ended))
        return Standing(None, _text(device) or None, _moment(_text(created)))

    async def of(self, user_id: PydanticObjectId) -> list[Session]:
        """The user's living sessions, newest first, at most `LISTED`."""
        async with answering("Redis"):
            ids = await self._redis.zrange(
                _index(user_id), "+inf", f"({_ms(now())}", desc=True, byscore=True, offset=0, num=LISTED
            )
            principals = [Principal(user_id, _text(name)) for name in ids]
            async with self._redis.pipeline(transaction=False) as pipe:
                for principal in principals:
                    pipe.hgetall(_keys(principal)[0])
                records = await pipe.execute()
        return [
            _session(principal, _texts(record.items()))
            for principal, record in zip(principals, records, strict=True)
            if record
        ]


def _keys(principal: Principal) -> list[str]:
    """The session's record, and its user's index."""
    return [f"parley:{{{principal.user_id}}}:session:{principal.session_id}", _index(principal.user_id)]


def _index(user_id: PydanticObjectId) -> str:
    # The braces are the hash tag: one user, one slot.
    return f"parley:{{{user_id}}}:sessions"


def _fields(session: Session, refresh: str) -> dict[str, str | int]:
    return {
        "refresh": refresh,
        "device": session.device or "",
        "ip": session.ip or "",
        "created": _ms(session.created_at),
        "used": _ms(session.last_used_at),
        "expires": _ms(session.expires_at),
    }


def _session(principal: Principal, record: Mapping[str, str]) -> Session:
    return Session(
        id=principal.session_id,
        user_id=principal.user_id,
        device=record["device"] or None,
        ip=record["ip"] or None,
        created_at=_moment(record["created"]),
        last_used_at=_moment(record["used"]),
        expires_at=_moment(record["expires"]),
    )


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _moment(ms: str) -> datetime:
    return datetime.fromtimestamp(int(ms) / 1000, UTC)


def _pairs(flat: list[Any]) -> dict[str, str]:
    return _texts(zip(flat[::2], flat[1::2], strict=True))


def _texts(pairs: Iterable[tuple[Any, Any]]) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in pairs}


def _text(value: Any) -> str:
    """Clients that decode answers and clients that don't are both fine."""
    return value.decode() if isinstance(value, bytes) else str(value)


def _shortened(device: str | None) -> str | None:
    """A name that fits a list, that any store takes, and that a terminal shows as it is."""
    if device is None:
        return None
    plain = device.encode(errors="replace").decode()
    return "".join(filter(str.isprintable, plain))[:DEVICE_CHARACTERS].strip() or None
