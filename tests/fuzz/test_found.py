"""What fuzzing has found, kept as the few bytes that it takes."""

import asyncio
import logging
import struct
from typing import Any

import pytest

from api.http_protocol import HttpProtocol
from tests.api.test_socket_expiry import listening
from tests.fuzz.exchange import Sent
from tests.fuzz.frames import CLOSE, CONTINUED, HANDSHAKE, PING, frame
from tests.fuzz.test_bytes import port_of
from tests.served import Served

NO_TEXT = frame(b"\xff")
LEAVES = frame(struct.pack(">H", 1000), CLOSE)
NO_FRAME = b"\xf1\x00"
BAD_END = frame(b"", CONTINUED)


ENDS = {
    "a ping after it": (NO_TEXT + frame(b"x", PING), "1007"),
    "a close after it": (NO_TEXT + LEAVES, "1000"),
    "more after it": (NO_TEXT + frame(b"[]"), "1007"),
    "a message before it": (frame(b"[]") + NO_TEXT, "1007"),
    "one before what is no frame": (frame(b"[]") + NO_FRAME, "1002"),
    "pieces without end": (frame(b"x", end=False) + frame(b"", CONTINUED, end=False) * 5_000, "1009"),
    "a message in many pieces": (frame(b"x", end=False) + frame(b"", CONTINUED, end=False) * 500 + BAD_END, "4400"),
    "a good end": (frame(b"5") + LEAVES, "1000"),
}


async def test_what_comes_with_the_frame_that_ends_a_socket_is_no_error_of_ours(
    served: Served, caplog: pytest.LogCaptureFixture, subtests: pytest.Subtests
) -> None:
    async with listening(served) as address:
        for name, (frames, code) in ENDS.items():
            answer = await port_of(address).frames(Sent((HANDSHAKE + b"\r\n", frames), greeted=True))
            with subtests.test(name):
                assert (answer.kind, answer.faults) == (code, ())
                assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


@pytest.mark.parametrize("before", [1, 3])
async def test_an_answer_under_way_is_not_written_to_who_was_hung_up_on_for_what_came_after(
    served: Served, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    late: list[bytes] = []

    class Lingering:
        """Closes a little later, as where there is still something to be written. uvloop raises at what comes then."""

        def __init__(self, transport: Any) -> None:
            self.transport = transport
            self.closed = False

        def __getattr__(self, name: str) -> Any:
            return getattr(self.transport, name)

        def is_closing(self) -> bool:
            return self.closed

        def close(self) -> None:
            self.closed = True
            asyncio.get_running_loop().call_later(0.1, self.transport.close)

        def write(self, data: bytes) -> None:
            if self.closed:
                late.append(data)
            self.transport.write(data)

    made = HttpProtocol.connection_made
    monkeypatch.setattr(HttpProtocol, "connection_made", lambda self, transport: made(self, Lingering(transport)))  # type: ignore[arg-type]
    body = b'{"query": "{ __typename }"}'
    good = b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(
        body
    )
    async with listening(served) as address:
        answer = await port_of(address).http(Sent(((good + body) * before + b"\x00\r\n\r\n",)))
    assert (answer.kind, answer.faults, late) == ("400", (), [])
