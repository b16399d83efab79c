"""A head that a connection sends again, byte for byte, as clients do: it is parsed, and looked at, once."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from api.heads import HeadLimits, HeadProtocol
from api.http_protocol import DIRECT, Head

MOST: Final = 4
"""Heads of one connection that are remembered; they go with it."""
LONGEST: Final = 4 * 1024
"""Bytes of one that is."""
END: Final = b"\r\n\r\n"
OTHERWISE: Final = frozenset({b"transfer-encoding", b"upgrade", b"expect"})
"""Headers by which a request is more than a head and a body of a length that it says."""


class RepeatingProtocol(HeadProtocol):
    """Asks the parser about no head that it has found sound on this connection.

    INVARIANT: the parser is between two messages then, and stays there: what came is one whole request, and no more.
    Equal bytes would be parsed to an equal request.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._heads: Final[dict[bytes, Head]] = {}
        self._messages = 0
        self._worth = MOST
        """So many more are remembered unless one comes again: behind a proxy, where none does, that only costs."""

    def on_message_begin(self) -> None:
        self._messages += 1
        super().on_message_begin()

    def data_received(self, data: bytes) -> None:
        end = data.find(END, 0, LONGEST) + len(END)
        head, between = self._heads.get(data[:end]), self._between
        if head is not None and between and len(data) - end == head.length:
            self._again(head, data[end:])
            return
        messages = self._messages
        super().data_received(data)
        if between and self._worth and self._messages == messages + 1 and end >= len(END):
            self._learn(data, end)

    @property
    def _between(self) -> bool:
        """Whether nothing of a request is there, and the one before, with its answer, is done with."""
        if self._partial or self._error is not None or self.transport.is_closing():
            return False
        cycle = self.cycle
        return cycle is None or (cycle.response_complete and cycle.keep_alive and not cycle.more_body)

    def _learn(self, data: bytes, end: int) -> None:
        """Remember the head of a request that came whole, and alone, with a body."""
        cycle, length = self.cycle, len(data) - end
        if self._partial or self._error is not None or cycle is None or cycle.more_body or not cycle.keep_alive:
            return
        lengths = [value for name, value in self.headers if name == b"content-length"]
        if lengths != [b"%d" % length] or len(cycle.body) != length or not 0 < length <= HIGH_WATER_LIMIT:
            return
        if any(name in OTHERWISE for name, _ in self.headers) or self.scope["http_version"] != "1.1":
            return
        # A lenient parser ends lines, and so the head, in other ways: what is sought here may come after the body.
        if not data.count(b"\r\n", 0, end) == data.count(b"\r", 0, end) == data.count(b"\n", 0, end):
            return
        self._worth -= 1
        if len(self._heads) >= MOST:
            self._heads.clear()
        scope: Any = self.scope
        own = {"headers", "state", "extensions"}
        head = Head({name: value for name, value in scope.items() if name not in own}, tuple(self.headers), length)
        self._heads[data[:end]] = head
        scope["extensions"][DIRECT].head = head

    def _again(self, head: Head, body: bytes) -> None:
        """As the parser's calls would have it."""
        self._unset_keepalive_if_required()
        self._stop_waiting()
        self._unseen, self._worth = 0, MOST
        self.headers = list(head.headers)
        scope: Any = {**head.scope, "headers": self.headers, "state": self.app_state.copy()}
        self.scope, whole = scope, asyncio.Event()
        whole.set()
        self.cycle = RequestResponseCycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=whole,
            expect_100_continue=False,
            keep_alive=True,
            on_response=self.on_response_complete,
        )
        self.cycle.body += body
        self.cycle.more_body = False
        self._begun.clear()
        self._start(head)
        self._start_asgi_task(self.cycle, self.app)


def with_limits(limits: HeadLimits) -> type[HeadProtocol]:
    """A protocol with these."""
    return type("LimitedProtocol", (RepeatingProtocol,), {"limits": limits})
