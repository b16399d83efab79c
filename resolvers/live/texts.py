"""Texts of messages that grow, in Redis: each piece is added and announced in one step, so that they have one order.

A text and what is known of it lie in the slot of their conversation's stream. Offsets are bytes of UTF-8: what Redis
counts, whatever language its clients are written in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, cast

import structlog
from beanie import PydanticObjectId
from redis.exceptions import RedisError

from models.redis import open_redis, topology_of
from models.tree import Address
from resolvers.live.lineage import SETTLE, mark_name
from resolvers.live.pieces import ADD_PIECE, pieces_name, thinned_name
from resolvers.live.streams import DELTA, TIMEOUT_SECONDS, stream_name
from resolvers.live.text_scripts import ADMIT, APPEND, OPEN, SEAL

_log: Final = structlog.get_logger(__name__)

CONNECTIONS: Final = 8
UNLIMITED: Final = 2**31
OPEN_SECONDS: Final = 3_600
"""A text of which nothing is heard for so long is forgotten; it has been interrupted long since."""
ENDED_SECONDS: Final = 60
"""For whoever still reads pieces of a text that has ended."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a text may grow, and how often it is saved."""

    pieces: int = 200
    """To a text and second."""
    step_bytes: int = 32 * 1024
    step_ms: int = 1_000


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the message at `address`, that begins at `offset`."""

    address: Address
    offset: int
    text: str

    @property
    def stop(self) -> int:
        """Where the next piece begins."""
        return self.offset + len(self.text.encode())

    def after(self, offset: int) -> "Delta":
        """What of it lies behind `offset`, at which another piece ended."""
        rest = self.text.encode()[offset - self.offset :]
        return Delta(self.address, offset, rest.decode())

    @classmethod
    def parse(cls, payload: bytes) -> Self | None:
        """The piece that an event carries; None for an event of another kind."""
        parts = payload.split(b" ", 2)
        if payload.startswith(b"{") or len(parts) < 3 or not parts[1].isdigit():
            return None
        return cls(Address.parse(parts[0].decode()), int(parts[1]), parts[2].decode())


@dataclass(frozen=True, slots=True)
class Grown:
    """What became of it. `length`: of the text now, in bytes; `due`: whether whoever asked is to save it.

    `word`: taken, gap, differs, full, fast, ended, lost (Redis knows nothing of the text), foreign (another's).
    """

    word: str
    length: int
    due: bool = False


@dataclass(frozen=True, slots=True)
class Sealed:
    """`word`: taken, gap, live (something was heard of it just now), lost."""

    word: str
    length: int
    text: str = ""


class Texts:
    """`async with Texts(url, channel)`: all of them. Raises `RedisError`; what is tried again is done once.

    `channel`: where a conversation's news goes.
    """

    def __init__(
        self,
        url: str,
        channel: Callable[[PydanticObjectId], str],
        pace: Pace | None = None,
        *,
        history: int = 1000,
        keep_seconds: int = 86_400,
    ) -> None:
        self._redis = open_redis(url, connections=CONNECTIONS, retries=0, seconds=TIMEOUT_SECONDS)
        self._channel = channel
        self._pace = pace or Pace()
        self._history = history
        self._keep_seconds = keep_seconds
        self._admit = self._redis.register_script(ADMIT)
        self._append = self._redis.register_script(SETTLE[topology_of(self._redis)] + ADD_PIECE + APPEND)
        self._open = self._redis.register_script(OPEN)
        self._seal = self._redis.register_script(SEAL)

    async def admit(self, who: str, most: int, request: str) -> bool:
        """Whether `who` may have one more; it counts from now on, for `OPEN_SECONDS` at most, until it is dismissed.

        The same request counts once.
        """
        return bool(await self._admit(keys=[_holders_key(who)], args=[request, most, OPEN_SECONDS]))

    async def dismiss(self, who: str, request: str) -> None:
        """It has ended."""
        await self._redis.zrem(_holders_key(who), request)

    @staticmethod
    def of_user(user_id: PydanticObjectId) -> str:
        """Who writes, for `admit`."""
        return f"user:{user_id}"

    def of_conversation(self, conversation_id: PydanticObjectId) -> str:
        """Where it is written, for `admit`."""
        return self._channel(conversation_id)

    async def hold(self, conversation_id: PydanticObjectId, address: Address, author_id: object) -> None:
        """It counts from now on, whatever the limits."""
        for who, request in self._holders(conversation_id, address, author_id):
            await self.admit(who, UNLIMITED, request)

    async def release(self, conversation_id: PydanticObjectId, address: Address, author_id: object) -> None:
        """What it says is stored: it counts no more, and is forgotten soon."""
        for who, request in self._holders(conversation_id, address, author_id):
            await self.dismiss(who, request)
        for key in self._keys(conversation_id, address)[1:]:
            await self._redis.expire(key, ENDED_SECONDS)

    async def written(self, conversation_id: PydanticObjectId) -> list[Address]:
        """Those of the conversation that count."""
        found = cast(list[bytes], await self._redis.zrange(_holders_key(self._channel(conversation_id)), 0, -1))
        return [Address.parse(each.decode()) for each in found if b"." in each]

    async def open(self, conversation_id: PydanticObjectId, address: Address, author: object, text: str = "") -> None:
        """Let it grow from `text` on, unless it does already."""
        await self._open(keys=self._keys(conversation_id, address)[1:], args=[str(author), text, OPEN_SECONDS])

    async def append(
        self,
        conversation_id: PydanticObjectId,
        address: Address,
        author: object,
        offset: int,
        text: str,
        limit: int,
    ) -> Grown:
        """Have `text` stand at `offset`, and announce what of it is new; `limit` bytes are allowed in all."""
        pace = self._pace
        bounds = [limit, pace.pieces, pace.step_bytes, pace.step_ms, OPEN_SECONDS, self._history, self._keep_seconds]
        args: list[Any] = [str(author), str(address), offset, text.encode(), *bounds, DELTA]
        keys = self._keys(conversation_id, address)
        stream = [mark_name(keys[0]), pieces_name(keys[0]), thinned_name(keys[0])]
        word, length, due = await self._append(keys=[*keys, *stream], args=args)
        return Grown(word.decode(), length, bool(due))

    async def seal(
        self, conversation_id: PydanticObjectId, address: Address, *, length: int | None = None, silent_ms: int = 0
    ) -> Sealed:
        """End it, if it has that length, and nothing was heard of it for so long; all that it says."""
        args = ["" if length is None else length, silent_ms]
        word, found, text = await self._seal(keys=self._keys(conversation_id, address)[1:], args=args)
        return Sealed(word.decode(), found, text.decode())

    async def texts(self, conversation_id: PydanticObjectId, addresses: Sequence[Address]) -> Mapping[Address, str]:
        """What they say by now; those that aren't known are left out, all of them where Redis is away."""
        try:
            command = self._redis.mget([self._keys(conversation_id, each)[1] for each in addresses])
            found = cast(list[bytes | None], await command)
        except RedisError as error:
            _log.warning("texts not read", kind=type(error).__name__)
            return {}
        return {address: text.decode() for address, text in zip(addresses, found, strict=True) if text is not None}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._redis.aclose()

    def _holders(self, conversation_id: PydanticObjectId, address: Address, author_id: object) -> list[tuple[str, str]]:
        """Of whom it counts, and as what."""
        return [(f"user:{author_id}", f"{conversation_id}.{address}"), (self._channel(conversation_id), str(address))]

    def _keys(self, conversation_id: PydanticObjectId, address: Address) -> list[bytes]:
        """The stream's, the text's, and that of what is known of it: in one slot of a cluster."""
        channel, name = self._channel(conversation_id), str(address).encode()
        kept = [b"parley:%b:{%b}:%b" % (kind, channel.encode(), name) for kind in (b"text", b"growing")]
        return [stream_name(channel), *kept]


def _holders_key(who: str) -> bytes:
    return b"parley:streaming:{%b}" % who.encode()
