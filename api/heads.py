"""How long the head of a request may be, and may take to come: the parser beneath would keep whatever is sent."""

import asyncio
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from api.errors import Code
from api.http_protocol import HttpProtocol
from api.refusals import refusal
from api.security_headers import STANDING

LINGER_SECONDS: Final = 1.0
"""How long what still comes is thrown away before the connection is closed."""


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """Each is the most that is let pass."""

    url: int = 16 * 1024
    """Bytes of the address, with its query."""
    bytes: int = 32 * 1024
    """Of all headers together: names and values."""
    fields: int = 100
    """Headers."""
    seconds: float = 10.0
    """Until all of them have come."""


@dataclass(frozen=True, slots=True)
class HeadError(Exception):
    """What is wrong with it."""

    status: int
    message: str
    code: Code = Code.PAYLOAD_TOO_LARGE


class HeadProtocol(HttpProtocol):
    """Refuses a request before all of its head is there, where that is too much."""

    limits: ClassVar[HeadLimits] = HeadLimits()

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._partial = False
        """Whether some of a head is there, and not all."""
        self._upgraded = False
        self._bytes = 0
        self._unseen = 0
        """Bytes since the parser has told of any last."""
        self._error: HeadError | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """What the parser keeps of a header that has not come to its end is counted here."""
        if self._error is not None:  # it is closing
            return
        self._unseen += len(data)
        super().data_received(data)
        if not self._upgraded and (self._partial or self.timeout_keep_alive_task is None):
            self._wait()
        if self._error is None and not self._upgraded and self._unseen > self.limits.bytes + self.limits.url:
            self._error = _too_long(self.limits.bytes)
            self._refuse(self._error)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._partial, self._bytes = True, 0

    def on_url(self, url: bytes) -> None:
        if len(self.url) + len(url) > self.limits.url:
            raise self._failed(HeadError(414, f"the address may have so many bytes: {self.limits.url:,}"))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._bytes += len(name) + len(value)
        if self._bytes > self.limits.bytes:
            raise self._failed(_too_long(self.limits.bytes))
        if len(self.headers) >= self.limits.fields:
            raise self._failed(HeadError(431, f"a request may have so many headers: {self.limits.fields}"))
        if not self._partial:  # what follows the body is no header: a proxy before us would not have looked at it
            return
        name = name.lower()  # as uvicorn does, without a call for each
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._partial, self._unseen = False, 0
        if self._timer is not None:
            self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unseen = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unseen = 0
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._upgraded = True
        self._stop_waiting()
        super().handle_websocket_upgrade()
        del self.parser  # it has stopped, and refers to this by all that it calls

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._partial:
            self._wait()

    def send_400_response(self, msg: str) -> None:
        """The parser tells of our own errors as of its own."""
        if self._error is None:
            super().send_400_response(msg)
        else:
            self._refuse(self._error)

    def _failed(self, error: HeadError) -> HeadError:
        self._error = error
        return error

    def _wait(self) -> None:
        if self._timer is None and self._error is None and self._idle:
            self._timer = self.loop.call_later(self.limits.seconds, self._waited)

    @property
    def _idle(self) -> bool:
        """Whether no request is being answered: the next one waits for that anyway."""
        return self.cycle is None or bool(self.cycle.response_complete)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _waited(self) -> None:
        """Whoever has sent nothing at all is left without a word."""
        self._timer = None
        if self.transport.is_closing():
            return
        if not self._partial:
            self.transport.close()
        elif self._idle:
            self._error = HeadError(408, "the request did not come to its end", Code.BAD_USER_INPUT)
            self._refuse(self._error)

    def _refuse(self, error: HeadError) -> None:
        if any(each.response_started and not each.response_complete for each in self._begun):
            self.transport.close()  # an answer has begun: another would be part of it
            return
        self._forsake()
        answer = refusal(error.status, error.message, error.code, {**STANDING, "Connection": "close"})
        head = b"".join(b"%b: %b\r\n" % header for header in answer.raw_headers)
        status = b"HTTP/1.1 %d %b\r\n" % (error.status, PHRASES[error.status])
        self.transport.write(b"%b%b\r\n%b" % (status, head, bytes(answer.body)))
        self._stop_waiting()
        if self.transport.can_write_eof():  # what a client is still sending would reset the connection
            self.transport.write_eof()
            self._timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)
        else:
            self.transport.close()


PHRASES: Final = {408: b"Request Timeout", 414: b"URI Too Long", 431: b"Request Header Fields Too Large"}


def _too_long(limit: int) -> HeadError:
    return HeadError(431, f"all headers together may have so many bytes: {limit:,}")


def with_limits(limits: HeadLimits) -> type[HeadProtocol]:
    """A protocol with these."""
    return type("LimitedProtocol", (HeadProtocol,), {"limits": limits})
