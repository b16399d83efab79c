"""Counting living sessions, in batches: for people who want to know what a revocation hits, never for its effect."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

from beanie import PydanticObjectId
from redis.asyncio import Redis

from permissions.authn.availability import answering
from permissions.authn.principal import Principal
from permissions.authn.records import Session, read, text, texts

_BATCH: Final = 1_000
_KEYS: Final = "parley:{*}:session:*"


async def count(redis: Redis, matches: Callable[[Session], bool]) -> int:
    """How many living sessions match. Raise `AuthnUnavailableError` where a batch is not answered."""
    found = 0
    async for keys in _batches(redis):
        async with answering("Redis"), redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hgetall(key)
            records = await pipe.execute()
        living = (_session(key, record) for key, record in zip(keys, records, strict=True) if record)
        found += sum(session is not None and matches(session) for session in living)
    return found


async def _batches(redis: Redis) -> AsyncIterator[Sequence[str]]:
    """The keys of sessions. One may come twice where Redis grows or shrinks meanwhile: each is told once a batch."""
    waiting: list[str] = []
    keys = redis.scan_iter(match=_KEYS, count=_BATCH)
    while True:
        async with answering("Redis"):
            key = await anext(keys, None)
        if key is None:
            break
        waiting.append(text(key))
        if len(waiting) >= _BATCH:
            yield list(dict.fromkeys(waiting))
            waiting = []
    if waiting:
        yield list(dict.fromkeys(waiting))


def _session(key: str, record: Any) -> Session | None:
    owner, _, session_id = key.removeprefix("parley:{").partition("}:session:")
    fields = texts(record.items())
    if not PydanticObjectId.is_valid(owner) or "refresh" not in fields:
        return None
    return read(Principal(PydanticObjectId(owner), session_id), fields)
