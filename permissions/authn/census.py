"""Counting living sessions, in batches: for people who want to know what a revocation hits, never for its effect."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import orjson
from beanie import PydanticObjectId
from redis.asyncio import Redis

from models.redis import servers as servers_of
from permissions.authn.availability import answering
from permissions.authn.revocation.criteria import Criteria
from permissions.authn.revocation.judged import Judged, addresses_of

COUNT_SECONDS: Final = 5.0
"""Longest that anybody waits for a count."""
_BATCH: Final = 2_000
_READ: Final = """
-- ARGV: where to go on, pattern, how many keys to look at. Answers JSON, for a client reads it ten times quicker than
-- Redis' own form: {where to go on, of each session that lives {its key, opened when (ms), opened from where, used last
-- from where, device}}. No keys are named beforehand, for they aren't known: all that it sees is on this very server.
local scanned = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
local living, seen = {}, {}
for _, key in ipairs(scanned[2]) do
  local record = redis.call('HMGET', key, 'refresh', 'created', 'opened_ip', 'ip', 'device')
  if record[1] and record[2] and not seen[key] then
    living[#living + 1] = {key, record[2], record[3] or '', record[4] or '', record[5] or ''}
    seen[key] = true
  end
end
return cjson.encode({scanned[1], living})
"""


@dataclass(frozen=True, slots=True)
class Count:
    """How many were `found`; not `complete` where there was no time to look at all."""

    found: int
    complete: bool


async def count(
    redis: Redis, criteria: Criteria, matches: Callable[[Judged], bool], seconds: float = COUNT_SECONDS
) -> Count:
    """The living sessions that match; only those are looked at that `criteria` may hit. After `seconds`, stop.

    Raise `AuthnUnavailableError` where a batch is not answered.
    """
    deadline = time.monotonic() + seconds
    async with answering("Redis"):
        servers = await servers_of(redis)
    found = 0
    for server in servers:
        read, cursor = server.register_script(_READ), ""
        while cursor != "0":
            if time.monotonic() > deadline:
                return Count(found, complete=False)
            async with answering("Redis"):
                # A session may come in two batches where Redis grows or shrinks meanwhile, or a slot moves.
                cursor, living = orjson.loads(await read(args=[cursor or "0", _pattern(criteria), _BATCH]))
            found += sum(matches(_judged(*record)) for record in living)
    return Count(found, complete=True)


def _pattern(criteria: Criteria) -> str:
    """Of the keys that `records.key_of` makes. Ids have no characters that mean something in a pattern."""
    return f"parley:{{{criteria.user_id or '*'}}}:session:{criteria.session_id or '*'}"


def _judged(key: str, created: str, opened_ip: str, ip: str, device: str) -> Judged:
    owner, _, session_id = key.removeprefix("parley:{").partition("}:session:")
    return Judged(session_id, PydanticObjectId(owner), int(created), addresses_of(opened_ip, ip), device or None)
