"""Event streams of those who follow a conversation: they share answers with each other, and with sockets."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Final

import structlog
from strawberry.http.streaming import SSE_HEARTBEAT_INTERVAL, merge_stream_with_heartbeat

from api.errors import Code, code_of
from api.event_streams import COMPLETE
from api.fanout import Member, Rooms
from api.fanout.questions import Asked
from permissions.authn.cutoff import Cutoff
from resolvers.context import Context

_log: Final = structlog.get_logger(__name__)

WAITING: Final = 16
"""Events that may wait to be sent; who is slower reads what his group keeps."""


class StreamOutlet:
    """A subscription's answers as events of its stream. `lost` is told when none but the last is to be sent."""

    def __init__(self, lost: Callable[[], None]) -> None:
        self._lost: Final = lost
        self.used = False
        """Whether anything has been given to it."""
        self._events: Final = asyncio.Queue[str | None](WAITING)
        self._free: Final = asyncio.Event()
        self._free.set()

    def write(self, body: bytes) -> bool:
        """As of any outlet."""
        if self._events.full():
            self._free.clear()
            return False
        self.used = True
        self._events.put_nowait(f"event: next\ndata: {body.decode()}\n\n")
        return True

    def end(self, body: bytes) -> bool:
        """As of any outlet."""
        if self._events.qsize() > WAITING - 2:
            self._free.clear()
            return False
        self.write(body)
        self._events.put_nowait(None)
        return True

    def withhold(self) -> None:
        """As of any outlet; the end stays."""
        self._lost()
        waiting = [self._events.get_nowait() for _ in range(self._events.qsize())]
        if None in waiting:
            self._events.put_nowait(None)
        self._free.set()

    async def ready(self) -> None:
        """As of any outlet."""
        await self._free.wait()

    async def complete(self) -> None:
        """As of any outlet."""
        await self._events.put(None)

    async def next(self) -> str | None:
        """What is to be sent; None at the end."""
        event = await self._events.get()
        self._free.set()
        return event


async def shared(
    rooms: Rooms, asked: Asked, context: Context, alone: Callable[[], AsyncIterator[str]]
) -> AsyncGenerator[str, None]:
    """What `asked` is told, with others; as from `alone` where he can't be let in, who is told why there."""
    outlet, members = StreamOutlet((context.cutoff or Cutoff()).losing()), list[Member]()
    entering = asyncio.create_task(_enter(rooms, asked, context, outlet, members))

    async def events() -> AsyncGenerator[str, None]:
        while (event := await outlet.next()) is not None:
            yield event
        if members or outlet.used:
            yield COMPLETE
            return
        async for event in alone():
            yield event

    merged = merge_stream_with_heartbeat(
        events, lambda: ": ping\n\n", SSE_HEARTBEAT_INTERVAL, send_initial_heartbeat=False
    )
    try:
        async with aclosing(merged()) as told:
            async for event in told:
                yield event
    finally:
        entering.cancel()
        await asyncio.gather(entering, return_exceptions=True)
        for member in members:
            member.leave()


async def _enter(rooms: Rooms, asked: Asked, context: Context, outlet: StreamOutlet, members: list[Member]) -> None:
    try:
        members.append(await rooms.enter(asked, context, outlet))
    except Exception as error:
        if outlet.used:
            await rooms.fail(outlet, error)
            return
        if code_of(error) is Code.INTERNAL_SERVER_ERROR:
            _log.exception("a conversation can't be followed with others", kind=type(error).__name__)
        await outlet.complete()
