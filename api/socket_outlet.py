"""Where the answers go that are written for many sockets at once."""

import orjson
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import Operation

from api.socket_protocol import SocketProtocol
from resolvers.context import Context


class SocketOutlet:
    """An operation's answers, as they go over its socket: `frames` are silent once it is cut off."""

    __slots__ = ("_ended", "_frames", "_operation", "_prefix", "used")

    def __init__(self, frames: SocketProtocol, operation: Operation[Context, None]) -> None:
        self._frames = frames
        self._operation = operation
        self._prefix = b'{"id":%b,"type":"next","payload":' % orjson.dumps(operation.id)
        self._ended = False
        self.used = False
        """Whether anything has been sent."""

    def write(self, body: bytes) -> bool:
        """As of any outlet; what comes after the end is lost."""
        if self._ended:
            return True
        self.used = True
        return self._frames.write_text(self._prefix, body, b"}")

    def end(self, body: bytes) -> bool:
        """As of any outlet."""
        operation = self._operation
        if self._ended:
            return True
        self.used = True
        complete = b'{"id":%b,"type":"complete"}' % orjson.dumps(operation.id)
        if not self._frames.write_text(self._prefix, body, b"}", complete):
            return False
        self._ended = operation.completed = True
        operation.handler.forget_id(operation.id)
        return True

    def withhold(self) -> None:
        """As of any outlet: it lies in the connection."""

    async def ready(self) -> None:
        """As of any outlet."""
        await self._frames.drained()

    async def complete(self) -> None:
        """As of any outlet."""
        self._ended = self.used = True
        await self._operation.send_operation_message({"id": self._operation.id, "type": "complete"})
