"""Beneath `graphql-transport-ws`: what is no WebSocket message is answered with its code, which arrives."""

import asyncio
from functools import lru_cache
from typing import Any, Final

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidMessage
from websockets.frames import CloseCode, Frame

from api.http_protocol import Handshake
from resolvers.live.gate import Gate


class Inbox(asyncio.Queue[Any]):
    """A queue without bounds, for one reader, that weighs nothing while it is empty: there is one to each socket."""

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._reader: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        """Whether nothing waits to be read."""
        return not self._items

    def put_nowait(self, item: Any) -> None:
        """One more."""
        self._items.append(item)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> Any:
        """The first, as soon as there is one."""
        while not self._items:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._items.pop(0)


MOST_PIECES: Final = 1_000
"""Frames of one message. Browsers and clients send one, or a few where they stream."""
FRAMES: Final = "parley.frames"
"""The extension of a scope with whose value texts are written past ASGI, by who has thousands of the same to write."""


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's, which closes at once: what a client was still sending then resets the connection, and it sees 1006."""

    # What uvicorn keeps of each, in slots: a dictionary of so many is four times as large, and slower to read.
    __slots__ = (
        *("app", "app_state", "asgi_version", "client", "close_sent", "close_timeout", "close_timer", "config", "conn"),
        *("connections", "curr_msg_data_type", "default_headers", "disconnected", "frames", "handshake_complete"),
        *("handshake_initiated", "initial_response", "last_ping_rtt", "logger", "loop", "pending_ping_payload"),
        *("ping_interval", "ping_sent_at", "ping_timeout", "ping_timer", "pong_timer", "queue", "read_paused"),
        *("request", "response", "root_path", "scheme", "scope", "server", "tasks", "transport", "writable"),
        *("held_up", "silent"),
    )

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.conn = Handshake(
            extensions=self.conn.available_extensions, max_size=self.config.ws_max_size, logger=self.logger
        )
        self.queue = Inbox()
        self.writable = Gate()
        self.writable.set()
        self.held_up = False
        """Whether the client has not read enough for more to be written."""
        self.silent = False
        """Whether what `write_text` is given is lost."""

    def data_received(self, data: bytes) -> None:
        """Whoever sends what is no handshake is told so, and not kept waiting."""
        try:
            super().data_received(data)
        except UnicodeError:  # a path that is not ASCII
            self.conn.handshake_exc = None
            self.conn.send_response(self.conn.reject(400, "the address is not ASCII"))
        else:
            if self.handshake_initiated or self.conn.handshake_exc is None:
                return
        self.handshake_complete = self.close_sent = True
        if isinstance(self.conn.handshake_exc, InvalidMessage):  # the library says nothing, then
            self.transport.write(self.conn.reject(400, "a handshake has no body").serialize())
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()

    def pause_writing(self) -> None:
        """As of any protocol."""
        self.held_up = True
        super().pause_writing()

    def resume_writing(self) -> None:
        """As of any protocol."""
        self.held_up = False
        super().resume_writing()

    def forget_handshake(self) -> None:
        """It is over, and its headers, which the parser keeps too, are as large as all the rest."""
        self.request.headers.clear()
        self.scope["headers"] = []
        del self.request, self.response

    async def run_asgi(self) -> None:
        """With a way to write that costs little, where messages are not compressed."""
        extensions: dict[str, Any] = self.scope["extensions"] or {}
        if not self.conn.extensions:
            extensions[FRAMES] = self
        await super().run_asgi()
        extensions.pop(FRAMES, None)

    async def send(self, message: ASGISendEvent) -> None:
        """Nothing once its end was sent, whatever still waited to be answered.

        A handshake that is refused is complete: uvicorn would log each as an error.
        """
        await self.writable.wait()
        if self.close_sent and self.initial_response is None:
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True

    def write_text(self, before: bytes, body: bytes, after: bytes, then: bytes = b"") -> bool:
        """Write a message now; False, and nothing is written, where it must wait. Nobody reads what comes too late.

        `then` is another that follows it.
        """
        transport = self.transport
        if self.silent or self.close_sent or self.disconnected or transport.is_closing():
            return True
        if self.held_up:
            return False
        last = (_head(len(then)), then) if then else ()
        transport.write(b"".join((_head(len(before) + len(body) + len(after)), before, body, after, *last)))
        return True

    async def drained(self) -> None:
        """Return when the client has read enough for more to be written."""
        await self.writable.wait()

    def handle_ping(self) -> None:
        """Unanswered after the end: nothing may be written there."""
        if not self.close_sent:
            super().handle_ping()

    def handle_cont(self, event: Frame) -> None:
        """Pieces cost more than what is in them: a client could send empty ones for ever."""
        if len(self.frames) < MOST_PIECES or self.close_sent:
            super().handle_cont(event)
        else:
            self.frames = []
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, f"more than {MOST_PIECES:,} pieces of a message")
            self.handle_parser_exception()

    def send_receive_event_to_app(self) -> None:
        """A text that is none is refused without a line in the log: clients would fill it."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            self.frames = [b"".join(self.frames)]
            try:
                self.frames[0].decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.fail(CloseCode.INVALID_DATA, "text is not UTF-8")
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        """Say why, and send no more; what still comes is thrown away until the client closes, for some seconds."""
        if self.close_sent:
            return
        close = self.conn.close_sent
        self.stop_keepalive()
        if close is None:  # it was closing already
            self.transport.close()
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": close.code, "reason": close.reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.read_paused = False
        self.transport.resume_reading()
        self.transport.write_eof()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)


@lru_cache(maxsize=1024)
def _head(length: int) -> bytes:
    """That of the frame of a whole text (RFC 6455, 5.2); what a server sends is not masked."""
    if length < 126:
        return bytes((0x81, length))
    return b"\x81\x7e" + length.to_bytes(2) if length < 2**16 else b"\x81\x7f" + length.to_bytes(8)
