"""Texts of any size, arriving at any pace, as pieces that a message takes: a few a second, each of a bounded size."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Final

from api.background import ended
from resolvers.chat.manuscripts import PIECE_BYTES

PAUSE_SECONDS: Final = 0.04
WAITING: Final = 256
"""Texts that may wait to be written; the endpoint waits then."""


async def paced(texts: AsyncGenerator[str, None], pause: float = PAUSE_SECONDS) -> AsyncGenerator[str, None]:
    """What comes within `pause` seconds goes together. Raises what `texts` raises, after all that came before it."""
    queue: asyncio.Queue[str | None] = asyncio.Queue(WAITING)

    async def pump() -> None:
        try:
            async with aclosing(texts):
                async for text in texts:
                    await queue.put(text)
        finally:
            # Nobody takes anything any more where this task was cancelled.
            if not (task := asyncio.current_task()) or not task.cancelling():
                await queue.put(None)

    pumping, whole = asyncio.create_task(pump()), Joined()
    try:
        over = False
        while not over:
            waiting = [await queue.get()]
            while not queue.empty():
                waiting.append(queue.get_nowait())
            over = waiting[-1] is None
            for piece in cut(whole.add("".join(each for each in waiting if each is not None), last=over), PIECE_BYTES):
                yield piece
                await asyncio.sleep(pause)
        await pumping
    finally:
        await ended(pumping)


class Joined:
    """Puts halves of surrogate pairs together that came in two texts; a half that stays alone becomes U+FFFD."""

    def __init__(self) -> None:
        self._half = ""

    def add(self, text: str, *, last: bool) -> str:
        """What can be said of it by now."""
        text = self._half + text
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" and not last else ""
        text = text.removesuffix(self._half) if self._half else text
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def cut(text: str, size: int) -> Iterator[str]:
    """Pieces of at most `size` bytes of UTF-8, between characters."""
    encoded = text.encode()
    start = 0
    while start < len(encoded):
        stop = min(start + size, len(encoded))
        while stop < len(encoded) and encoded[stop] & 0xC0 == 0x80:
            stop -= 1
        yield encoded[start:stop].decode()
        start = stop
