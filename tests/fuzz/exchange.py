"""Bytes to a port, and what comes back: a client that follows no protocol."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

BOUND_SECONDS: Final = 15.0
"""Whoever has not been answered by then, or not been hung up on, hangs: far more than anything takes."""
QUIET_SECONDS: Final = 0.15
"""Nothing more is awaited after so long, of a request that may not be whole."""
HEARD: Final = 4 * 2**20
"""Bytes of an answer that are kept."""


@dataclass(frozen=True)
class Sent:
    """`pieces` go out one by one. `whole`: it must be answered, and hung up on, before we hang up.

    `greeted`: the first one is answered before more is sent; uvicorn forgets what comes too soon after a handshake.
    """

    pieces: tuple[bytes, ...]
    whole: bool = False
    greeted: bool = False

    def __repr__(self) -> str:
        shown = b"|".join(self.pieces)
        return repr(shown if len(shown) < 2_000 else shown[:2_000] + b"...")


@dataclass(frozen=True)
class Heard:
    """All that came, the last of it after `seconds`. `ended`: the server hung up, by itself or when we did."""

    data: bytes
    ended: bool
    seconds: float


@dataclass
class Ear:
    """What is heard, and when the last of it came."""

    reader: asyncio.StreamReader
    data: bytearray
    last: float

    async def head(self) -> None:
        """Until the end of the first answer's headers."""
        with suppress(ConnectionError):
            while b"\r\n\r\n" not in self.data and await self._more():
                pass

    async def all(self, quiet: float | None) -> bool:
        """Whether it came to its end, and not to a silence."""
        try:
            while True:
                async with asyncio.timeout(quiet):
                    more = await self._more()
                if not more:
                    return True
        except ConnectionError:
            return True
        except TimeoutError:
            if quiet is None:
                raise
            return False

    async def _more(self) -> bool:
        more = await self.reader.read(65_536)
        self.last = time.perf_counter()
        if len(self.data) < HEARD:
            self.data += more
        return bool(more)


async def exchange(host: str, port: int, sent: Sent) -> Heard:
    """Send it, listen, hang up, and see that the server does, too."""
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection(host, port)
    ear, ended = Ear(reader, bytearray(), began), True
    first = 1 if sent.greeted else 0
    try:
        async with asyncio.timeout(BOUND_SECONDS):
            await _write(writer, sent.pieces[:first])
            if sent.greeted:
                await ear.head()
            await _write(writer, sent.pieces[first:])
            over = await ear.all(None if sent.whole else QUIET_SECONDS)
            seconds = ear.last - began
            if not over:
                with suppress(OSError):
                    writer.write_eof()
                await ear.all(None)
                seconds = seconds or ear.last - began
    except TimeoutError:
        ended, seconds = False, BOUND_SECONDS
    finally:
        writer.transport.abort()
    return Heard(bytes(ear.data), ended, seconds)


async def _write(writer: asyncio.StreamWriter, pieces: Sequence[bytes]) -> None:
    with suppress(ConnectionError):  # it hung up on what it has heard so far
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
