"""How long the head of a request may be, and may take to come: the parser beneath would keep whatever is sent."""

import asyncio
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from api.errors import Code
from api.http_protocol import HttpProtocol
from api.refusals import refusal
from api.security_headers import STANDING


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
        self._coming = True
        self._bytes = 0
        self._unseen = 0
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
        before = self._coming
        self._wait()
        super().data_received(data)
        self._unseen = self._unseen + len(data) if before and self._coming else 0
        if self._error is None and self._unseen > self.limits.bytes + self.limits.url:
            self._error = _too_long(self.limits.bytes)
            self._refuse(self._error)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._bytes = 0

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
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._coming = False
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._coming = True
        super().on_message_complete()

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
        if self._coming and self._timer is None:
            self._timer = self.loop.call_later(self.limits.seconds, self._waited)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _waited(self) -> None:
        """Not while an earlier request is answered: this one waits for that anyway."""
        self._timer = None
        if self.cycle is not None and not self.cycle.response_complete:
            self._wait()
        elif not self.transport.is_closing():
            self._error = HeadError(408, "the request did not come to its end", Code.BAD_USER_INPUT)
            self._refuse(self._error)

    def _refuse(self, error: HeadError) -> None:
        answer = refusal(error.status, error.message, error.code, {**STANDING, "Connection": "close"})
        head = b"".join(b"%b: %b\r\n" % header for header in answer.raw_headers)
        status = b"HTTP/1.1 %d %b\r\n" % (error.status, PHRASES[error.status])
        self.transport.write(b"%b%b\r\n%b" % (status, head, bytes(answer.body)))
        self.transport.close()


PHRASES: Final = {408: b"Request Timeout", 414: b"URI Too Long", 431: b"Request Header Fields Too Large"}


def _too_long(limit: int) -> HeadError:
    return HeadError(431, f"all headers together may have so many bytes: {limit:,}")


def with_limits(limits: HeadLimits) -> type[HeadProtocol]:
    """A protocol with these."""
    return type("LimitedProtocol", (HeadProtocol,), {"limits": limits})
