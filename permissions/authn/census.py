"""Counting living sessions, in batches: for people who want to know what a revocation hits, never for its effect."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

from beanie import PydanticObjectId
from redis.asyncio import Redis

from permissions.authn.availability import answering
from permissions.authn.records import text
from permissions.authn.revocation.judged import Judged, addresses_of

_BATCH: Final = 1_000
_KEYS: Final = "parley:{*}:session:*"
_FIELDS: Final = ("refresh", "created", "opened_ip", "ip", "device")


async def count(redis: Redis, matches: Callable[[Judged], bool]) -> int:
    """How many living sessions match. Raise `AuthnUnavailableError` where a batch is not answered."""
    found = 0
    async for keys in _batches(redis):
        async with answering("Redis"), redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hmget(key, _FIELDS)
            records = await pipe.execute()
        living = (_judged(key, record) for key, record in zip(keys, records, strict=True))
        found += sum(judged is not None and matches(judged) for judged in living)
    return found


async def _batches(redis: Redis) -> AsyncIterator[Sequence[str]]:
    """The keys of sessions. One may come twice where Redis grows or shrinks meanwhile: each is told once a batch."""
    keys, batch = redis.scan_iter(match=_KEYS, count=_BATCH), list[str]()
    while True:
        async with answering("Redis"):
            batch = []
            while len(batch) < _BATCH and (key := await anext(keys, None)) is not None:
                batch.append(text(key))
        if not batch:
            return
        yield list(dict.fromkeys(batch))


def _judged(key: str, record: Sequence[Any]) -> Judged | None:
    """None for what has ended, and for what is no session."""
    refresh, created, *others = (None if value is None else text(value) for value in record)
    owner, _, session_id = key.removeprefix("parley:{").partition("}:session:")
    if refresh is None or created is None or not PydanticObjectId.is_valid(owner):
        return None
    opened_ip, ip, device = others
    return Judged(session_id, PydanticObjectId(owner), int(created), addresses_of(opened_ip, ip), device or None)
