"""Beneath `graphql-transport-ws`: what is no WebSocket message is answered with its code, which arrives."""

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's, which closes at once: what a client was still sending then resets the connection, and it sees 1006."""

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
