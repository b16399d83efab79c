"""A socket's end: cut off with what it was opened with, or closed as its worker stops, and what still goes out then."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Final

from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import Message

from api.background import break_off
from api.connections import Connections
from api.socket_closing import SERVICE_RESTART, closing
from api.socket_protocol import FRAMES, SocketProtocol
from permissions.authn.cutoff import Cutoff
from resolvers.context import Context

TELL_SECONDS: Final = 0.3
"""How long `sessionEvents` may take to tell its client why."""
FINISH_SECONDS: Final = 3.0
"""How long what changes something may take to end, and to be answered, before a stopping worker closes the socket."""


class EndingHandler(BaseGraphQLTransportWSHandler[Context, None]):
    """One socket, until it is cut off or the worker stops."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._connections: Final[Connections] = parts["view"].connections
        self._cutoff: Final = self.context.cutoff or Cutoff()
        self._counted: AbstractAsyncContextManager[None] | None = None
        self._guarding: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._closing = False
        self._last: Final[dict[str, Message]] = {}
        """Of operations whose right is lost: what was made last."""
        scope: dict[str, Any] = getattr(getattr(self.websocket, "ws", None), "scope", {})
        self._frames: Final[SocketProtocol | None] = scope.get("extensions", {}).get(FRAMES)
        if self._frames is not None:
            self._frames.forget_handshake()
            scope["headers"].clear()

    async def handle(self) -> None:
        self._cutoff.heard(self._cut_off)
        try:
            self._connections.add(self._leave)
            await super().handle()
        finally:
            self._connections.discard(self._leave)
            self._cutoff.close()
            if self._counted is not None:
                await self._counted.__aexit__(None, None, None)
            ending = [task for task in (self._guarding, self._leaving) if task is not None]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)

    @property
    def ending(self) -> bool:
        """Whether nothing is begun any more."""
        return self._cutoff.cut is not None or self._leaving is not None

    async def shutdown(self) -> None:
        """The client is gone."""
        self._closing = True
        self._fall_silent()
        await super().shutdown()

    async def cleanup_operation(self, operation_id: str) -> None:
        """Calls of the database may swallow what breaks them off: nobody would ever hear of the operation again."""
        operation = self.operations.get(operation_id)
        await super().cleanup_operation(operation_id)
        self._last.pop(operation_id, None)
        if operation is not None and operation.task is not None:
            self._cutoff.lost -= {operation.task}
            self._cutoff.showing.forget(operation.task)
            break_off(operation.task)

    async def send_message(self, message: Message) -> None:
        """Nothing goes out any more once it is cut off, but why."""
        if self._closing:
            return
        if self._cutoff.cut is None or self._tells(message):
            await self._send(message)

    async def _send(self, message: Any) -> None:
        """Of who has lost his right, the last of what was made only: it says so. Some of it waited for him to read."""
        id_, kind = message.get("id", ""), message["type"]
        if kind == "next":
            if not await self._showable(id_):
                return
            # From here on nobody else has his turn before it is written.
            if self._cutoff.cut is not None and not self._tells(message):
                return
            if self._loses(id_):
                self._last[id_] = message
                return
        elif kind == "complete" and (last := self._last.pop(id_, None)) is not None:
            await super().send_message(last)
        await super().send_message(message)

    async def _showable(self, id_: str) -> bool:
        """Whether it may be sent to who reads it, when that can be done."""
        operation = self.operations.get(id_)
        shown = self._cutoff.showing.next(operation.task) if operation is not None and operation.task else None
        if shown is not None:
            return await shown.sendable(self._waits)
        await self._waits()
        return True

    async def _waits(self) -> bool:
        """Return when more can be written, and whether it had to wait."""
        waited = False
        while self._frames is not None and self._frames.held_up:
            waited = True
            await self._frames.drained()
        return waited

    def _loses(self, id_: str) -> bool:
        operation = self.operations.get(id_)
        return operation is not None and operation.task in self._cutoff.lost

    def _fall_silent(self) -> None:
        """Nobody hears what is told from now on; but why it is cut off, if it is, `send_message` lets through."""
        if self._frames is not None:
            self._frames.silent = True

    def _cut_off(self) -> None:
        self._fall_silent()
        self._guarding = asyncio.create_task(self._guard(), name="socket cutoff")

    async def _guard(self) -> None:
        cut = await self._cutoff.wait()
        if telling := set(self._cutoff.telling):
            await asyncio.wait(telling, timeout=TELL_SECONDS)
        await self.websocket.close(*closing(cut))

    def _leave(self) -> None:
        """The worker stops."""
        self._leaving = asyncio.create_task(self._finish(), name="socket draining")

    async def _finish(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FINISH_SECONDS):
                while doing := set(self._cutoff.doing):
                    await asyncio.wait(doing)
        await self.websocket.close(SERVICE_RESTART, "the server restarts, come back")

    def _tells(self, message: Mapping[str, Any]) -> bool:
        operation = self.operations.get(message.get("id", ""))
        return operation is not None and operation.task in self._cutoff.telling
