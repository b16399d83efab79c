"""Beneath the application: what is no HTTP request, or no WebSocket handshake, is refused as all else is, as JSON."""

import sys
from collections import deque
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final
from weakref import ref

import httptools
from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from websockets.datastructures import Headers
from websockets.http11 import Response as HandshakeResponse
from websockets.server import ServerProtocol

from api.errors import Code
from api.refusals import refusal
from api.security_headers import STANDING

MOST_BEGUN: Final = 100
"""Requests of a connection that wait for their answers: a kilobyte or more is kept of each, however short it is."""
FLOW: Final = "parley.flow"
"""The extension of a scope that tells whether the client has read enough for more to be written."""
DIRECT: Final = "parley.direct"
"""The extension of a scope that holds its `Direct`."""
_CODES: Final = {403: Code.FORBIDDEN, 500: Code.INTERNAL_SERVER_ERROR}


class Direct:
    """Past ASGI: a body that is there already, and an answer that is written in one piece.

    It lies in the cycle's own scope, and keeps it from nothing: that is there as long as the application runs.
    """

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle: Final = ref(cycle)

    def body(self) -> bytes | None:
        """All of the body, which is asked for once; None where it has to be waited for, as ASGI has it."""
        cycle = self._cycle()
        if (
            cycle is None
            or cycle.more_body
            or cycle.disconnected
            or cycle.response_complete
            or cycle.waiting_for_100_continue
        ):
            return None
        body, cycle.body = bytes(cycle.body), bytearray()
        cycle.message_event.clear()
        cycle.flow.resume_reading()
        return body

    def write(self, status: int, lines: bytes, body: bytes) -> bool:
        """Answer anything but `HEAD`; False where that has to go by ASGI.

        INVARIANT: `lines` are sound headers, each with its end, the length of the body among them, and none of them
        about the connection. uvicorn, which looks at each header by itself, is not asked.
        """
        cycle = self._cycle()
        if cycle is None or cycle.disconnected:
            return True  # nobody reads it
        if cycle.response_started or cycle.flow.write_paused:
            return False
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        close = b"" if cycle.keep_alive else b"connection: close\r\n"
        cycle.transport.write(
            b"".join((STATUS_LINE[status], _EACH.lines(cycle.default_headers), lines, close, b"\r\n", body))
        )
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
        return True


class _Each:
    """The headers that uvicorn gives each answer, as they go over the wire: another list of them each second."""

    def __init__(self) -> None:
        self._headers: Sequence[tuple[bytes, bytes]] = ()
        self._lines = b""

    def lines(self, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        if headers is not self._headers:
            self._headers, self._lines = headers, b"".join([b"%b: %b\r\n" % header for header in headers])
        return self._lines


_EACH: Final = _Each()


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's, which goes on to answer on a connection that is closed, and logs an error for each."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._begun: Final[deque[RequestResponseCycle]] = deque()
        """Those that are not answered, and some that are: they are in order."""
        self._data = b""
        self._rest: bytes | None = None
        """Of the data, what is to be parsed from anew."""

    def data_received(self, data: bytes) -> None:
        """What follows a request for another protocol is its body, or the next request, as after any other."""
        rest: bytes | None = data
        while rest is not None:
            self._data, self._rest = rest, None
            super().data_received(rest)
            rest = self._rest

    def _unsupported_upgrade_warning(self) -> None:
        """Called as the parser has stopped: it would go on with the body as if that were the next request."""
        stopped = sys.exc_info()[1]
        if isinstance(stopped, httptools.HttpParserUpgrade):
            self._rest = self._plain() + self._data[stopped.args[0] :]
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does

    def _plain(self) -> bytes:
        """The head of the request, which asks for no other protocol: whoever can't have one goes on without it."""
        tokens = b",".join(value for name, value in self.headers if name == b"connection").split(b",")
        kept = b", ".join(each for each in tokens if each.strip().lower() != b"upgrade")
        headers = [each for each in self.headers if each[0] not in (b"upgrade", b"connection")]
        lines = b"".join(b"%b: %b\r\n" % each for each in [*headers, (b"connection", kept)])
        version = self.parser.get_http_version().encode()
        return b"%b %b HTTP/%b\r\n%b\r\n" % (self.parser.get_method(), self.url, version, lines)

    @property
    def _ignored(self) -> bool:
        return bool(self.parser.should_upgrade()) and not self._should_upgrade()

    def on_message_complete(self) -> None:
        """Nothing, of a head that is parsed again."""
        if not self.parser.should_upgrade() or not self._ignored:
            super().on_message_complete()

    def on_headers_complete(self) -> None:
        """One host is asked (RFC 9112, 3.2): of two, a proxy before us may have believed the other."""
        hosts = [name for name, _ in self.headers].count(b"host")
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            raise ValueError("not one host")  # the parser turns it into an error of its own
        if self.parser.should_upgrade() and self._ignored:
            if self.parser.get_method() == b"CONNECT":
                raise ValueError("no proxy")
            return
        while self._begun and self._begun[0].response_complete:
            self._begun.popleft()
        if len(self._begun) >= MOST_BEGUN:
            raise ValueError("too many at once")
        super().on_headers_complete()
        if self.cycle is not None:
            extensions: Any = self.scope.setdefault("extensions", {})
            extensions[FLOW] = self.flow
            extensions[DIRECT] = Direct(self.cycle)
            self._begun.append(self.cycle)

    def eof_received(self) -> None:
        """The connection is closed next: who is hung up on hears nothing more of what he asked."""
        self._forsake()

    def send_400_response(self, msg: str) -> None:
        """What can't be parsed has no method and no path: no application sees it. What came before is not answered."""
        self._forsake()
        answer = _answer(400, msg.removesuffix("."))
        head = b"".join(b"%b: %b\r\n" % header for header in answer.raw_headers)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n%b\r\n%b" % (head, bytes(answer.body)))
        self.transport.close()

    def _forsake(self) -> None:
        for cycle in self._begun:
            cycle.disconnected = True


class Handshake(ServerProtocol):
    """That of websockets."""

    def reject(self, status: HTTPStatus | int, text: str) -> HandshakeResponse:
        """With the first line of what there is to say."""
        answer = _answer(int(status), text.strip().partition("\n")[0].removesuffix("."))
        headers = Headers((name.decode(), value.decode()) for name, value in answer.raw_headers)
        return HandshakeResponse(int(status), HTTPStatus(status).phrase, headers, bytes(answer.body))


def _answer(status: int, message: str) -> Response:
    code = _CODES.get(status, Code.BAD_USER_INPUT)
    return refusal(status, message, code, {**STANDING, "Connection": "close"})
