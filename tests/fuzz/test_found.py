"""What fuzzing has found, kept as the few bytes that it takes."""

import logging
import struct

import pytest

from tests.api.test_socket_expiry import listening
from tests.fuzz.exchange import Sent
from tests.fuzz.frames import CLOSE, HANDSHAKE, PING, frame
from tests.fuzz.test_bytes import port_of
from tests.served import Served

NO_TEXT = frame(b"\xff")
LEAVES = frame(struct.pack(">H", 1000), CLOSE)
NO_FRAME = b"\xf1\x00"


ENDS = {
    "a ping after it": (NO_TEXT + frame(b"x", PING), "1007"),
    "a close after it": (NO_TEXT + LEAVES, "1000"),
    "more after it": (NO_TEXT + frame(b"[]"), "1007"),
    "a message before it": (frame(b"[]") + NO_TEXT, "1007"),
    "one before what is no frame": (frame(b"[]") + NO_FRAME, "1002"),
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
