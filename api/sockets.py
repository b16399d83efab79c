"""A WebSocket ends with what it was opened with: a token that expires, a session that is ended."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import Message

from permissions.authn.cutoff import Cut, Cutoff
from resolvers.context import Context

FORBIDDEN: Final = 4403
UNAUTHORIZED: Final = 4401
REASON_BYTES: Final = 123
"""Longest reason that a close frame holds (RFC 6455, 5.5)."""
TELL_SECONDS: Final = 0.3
"""How long `sessionEvents` may take to tell its client why."""


class SocketHandler(BaseGraphQLTransportWSHandler[Context, None]):
    """`graphql-transport-ws`, until it is cut off."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._cutoff: Final = self.context.cutoff or Cutoff()
        self._closing = False

    async def handle(self) -> None:
        guard = asyncio.create_task(self._guard(), name="socket cutoff")
        try:
            await super().handle()
        finally:
            self._cutoff.release()
            guard.cancel()
            await asyncio.gather(guard, return_exceptions=True)

    async def handle_message(self, message: Message) -> None:
        """Nothing is begun any more once it is cut off."""
        if self._cutoff.cut is None:
            await super().handle_message(message)

    async def cleanup_operation(self, operation_id: str) -> None:
        """Break it off, unless it changes something: that is done to its end, and the socket waits for it."""
        operation = self.operations.get(operation_id)
        if operation is None or operation.task not in self._cutoff.doing:
            await super().cleanup_operation(operation_id)

    async def shutdown(self) -> None:
        """The client is gone."""
        self._closing = True
        await super().shutdown()

    async def send_message(self, message: Message) -> None:
        """Nothing goes out any more once it is cut off, but why."""
        if self._closing:
            return
        if self._cutoff.cut is None or self._tells(message):
            await super().send_message(message)

    async def _guard(self) -> None:
        cut = await self._cutoff.wait()
        if telling := set(self._cutoff.telling):
            await asyncio.wait(telling, timeout=TELL_SECONDS)
        await self.websocket.close(*closing(cut))

    def _tells(self, message: Mapping[str, Any]) -> bool:
        operation = self.operations.get(message.get("id", ""))
        return operation is not None and operation.task in self._cutoff.telling


def closing(cut: Cut) -> tuple[int, str]:
    """Code and reason of the close frame."""
    if cut.reason is None:
        return UNAUTHORIZED, "token has expired"
    return FORBIDDEN, cut.reason.encode(errors="replace")[:REASON_BYTES].decode(errors="ignore")
