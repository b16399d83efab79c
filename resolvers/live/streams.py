"""The events of a channel in Redis: a capped stream, and the announcement of each entry in the same step."""

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from typing import Final, TypeVar

from models.redis import Topology, open_redis, topology_of
from resolvers.live.broker import Event, Item, Note, Position, Resync, Thinned
from resolvers.live.lineage import SETTLE, mark_name
from resolvers.live.numbers import CHECK, NUMBERS, numbers_name
from resolvers.live.pieces import pieces_name, thinned_name

_ADD: Final = """
local function add(stream, pieces, kind, payload, most, keep)
    local room = most + redis.call('LLEN', pieces)  -- pieces of texts take nobody's place
    local id = redis.call('XADD', stream, 'MAXLEN', '~', string.format('%d', room), '*', kind, payload)
    redis.call('EXPIRE', stream, keep)
    redis.call('PUBLISH', stream, id .. ' ' .. kind .. ' ' .. payload)
    return id
end
"""

PUBLISH: Final = (
    NUMBERS
    + _ADD
    + """
settle(KEYS[1], KEYS[3], ARGV[4])
local id = nil
if ARGV[5] == '1' then
    for _, entry in ipairs(redis.call('XREVRANGE', KEYS[1], '+', '-')) do
        if entry[2][1] == ARGV[1] and entry[2][2] == ARGV[2] then
            id = entry[1]
            break
        end
    end
end
if not id then id = add(KEYS[1], KEYS[4], ARGV[1], ARGV[2], ARGV[3], ARGV[4]) end
if ARGV[6] ~= '' then heard(tonumber(ARGV[6]), true, ARGV[7], ARGV[3], ARGV[4]) end
return id
"""
)
"""Stream and news have one order, for nothing comes between. Any Redis from 6.2, Valkey, one slot of a cluster."""

PUBLISH_ALL: Final = (
    _ADD
    + """
for each = 1, #KEYS / 3 do
    local stream, mark, pieces = unpack(KEYS, 3 * each - 2, 3 * each)
    settle(stream, mark, ARGV[3])
    add(stream, pieces, ARGV[1], ARGV[3 + each], ARGV[2], ARGV[3])
end
"""
)
"""Entries of many streams, one after the other: not for a cluster, where each has a slot of its own."""

END: Final = """
settle(KEYS[1], KEYS[2], ARGV[1])
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local id = last and last[1] or redis.call('XADD', KEYS[1], '*', 'mark', '')
redis.call('EXPIRE', KEYS[1], ARGV[1])
return id
"""
"""An empty stream is marked, so that every reader stands on an entry: if that is gone, others may be too."""

READ: Final = """
settle(KEYS[1], KEYS[2], ARGV[3])
return {redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2]), redis.call('GET', KEYS[3]) or '0-0'}
"""

Answer = TypeVar("Answer")
Entry = tuple[bytes, list[bytes]]
EVENT: Final = b"e"
GAP: Final = b"g"
DELTA: Final = b"d"
"""A piece of a text that grows, see `texts`; it carries what it tells of."""

AT_ONCE: Final = 100
"""Entries that one script adds: for half a millisecond or so Redis does nothing else."""
CONNECTIONS: Final = 4
"""To a server."""
TIMEOUT_SECONDS: Final = 5.0


def decode(cursor: bytes, kind: bytes, payload: bytes) -> Item:
    """An entry, as it lies in the stream or was announced."""
    if kind in (EVENT, DELTA):
        return Event(cursor.decode(), payload)
    # A newer version may write other kinds one day: not to be passed over in silence.
    return Resync(cursor.decode(), "events may be missing" if kind == GAP else "an event of an unknown kind")


def announced(message: bytes) -> Item | None:
    """What `PUBLISH` sent; None for what others may have published under our name."""
    parts = message.split(b" ", 2)
    if len(parts) < 3 or Position.parse(parts[0].decode("latin-1")) is None:
        return None
    return decode(*parts)


def stream_name(channel: str) -> bytes:
    """The stream's key, which is also the name to subscribe to. The braces keep it in one slot of a cluster."""
    return b"parley:live:{%b}" % channel.encode()


class Streams:
    """Commands on the streams, over a few connections. Raises `RedisError`."""

    def __init__(self, url: str, history: int, keep_seconds: int, hole_ms: int) -> None:
        # Nothing is tried twice behind our back: an event whose confirmation was lost may be out already.
        self._redis = open_redis(url, connections=CONNECTIONS, retries=0, seconds=TIMEOUT_SECONDS)
        self._history = history
        self._keep_seconds = keep_seconds
        self._hole_ms = hole_ms
        settle = SETTLE[topology_of(self._redis)]
        self._publish = self._redis.register_script(settle + PUBLISH)
        self._publish_all = self._redis.register_script(settle + PUBLISH_ALL)
        self._together = topology_of(self._redis) is not Topology.CLUSTER
        self._check = self._redis.register_script(CHECK)
        self._end = self._redis.register_script(settle + END)
        self._range = self._redis.register_script(settle + READ)
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def publish(
        self, channel: str, kind: bytes, payload: bytes, *, again: bool = False, number: int | None = None
    ) -> str:
        """Add an entry and announce it, unless it comes `again` and is there; its cursor."""
        numbered = "" if number is None else number
        args = (kind, payload, self._history, self._keep_seconds, int(again), numbered, self._hole_ms)
        name = stream_name(channel)
        keys = [name, numbers_name(channel), mark_name(name), pieces_name(name)]
        found: bytes = await self._run(self._publish(keys=keys, args=args))
        return found.decode()

    async def publish_all(self, notes: Sequence[Note]) -> None:
        """Add an entry for each, in their order, and announce it. Where this raises, some may be out."""
        if self._together:
            for start in range(0, len(notes), AT_ONCE):
                await self._add_all(notes[start : start + AT_ONCE])
            return
        channels: dict[str, list[bytes]] = {}
        for channel, payload in notes:
            channels.setdefault(channel, []).append(payload)
        told = (self._one_by_one(*each) for each in channels.items())
        for failed in await asyncio.gather(*told, return_exceptions=True):
            if failed is not None:
                raise failed

    async def _add_all(self, notes: Sequence[Note]) -> None:
        names = [stream_name(note.channel) for note in notes]
        keys = [key for name in names for key in (name, mark_name(name), pieces_name(name))]
        payloads = [note.payload for note in notes]
        await self._run(self._publish_all(keys=keys, args=[EVENT, self._history, self._keep_seconds, *payloads]))

    async def _one_by_one(self, channel: str, payloads: Sequence[bytes]) -> None:
        for payload in payloads:
            await self.publish(channel, EVENT, payload)

    async def check(self, channel: str, number: int) -> bool:
        """Whether all entries up to that number are out; what never came is a gap by then."""
        args = (number, self._hole_ms, self._history, self._keep_seconds)
        keys = [stream_name(channel), numbers_name(channel)]
        return bool(await self._run(self._check(keys=keys, args=args)))

    async def end(self, name: bytes) -> Position:
        """Where the stream ends now."""
        found: bytes = await self._run(self._end(keys=[name, mark_name(name)], args=[self._keep_seconds]))
        return Position.of(found.decode())

    async def read(self, name: bytes, after: Position, limit: int) -> list[Item] | None:
        """The entries that follow the one at `after`; None if that is not there any more.

        They begin with `Thinned` where pieces among them may be gone.
        """
        keys = [name, mark_name(name), thinned_name(name)]
        found = await self._run(self._range(keys=keys, args=[str(after), limit + 1, self._keep_seconds]))
        entries: list[Entry] = found[0]
        if not entries or entries[0][0].decode() != str(after):
            return None
        gone: list[Item] = [Thinned(str(after))] if Position.of(found[1].decode()) > after else []
        return gone + [decode(cursor, *fields[:2]) for cursor, fields in entries[1:]]

    async def close(self) -> None:
        """Close, after the running commands: redis-py does not bear a connection taken away under one."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * TIMEOUT_SECONDS):
                await self._idle.wait()
        await self._redis.aclose()

    async def _run(self, command: Awaitable[Answer]) -> Answer:
        self._running += 1
        self._idle.clear()
        try:
            return await command
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()
