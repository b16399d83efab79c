"""What may come over a WebSocket, and the code that it is closed with."""

import json
import struct
from dataclasses import dataclass
from typing import Any, Final

from tests.fuzz.frames import BINARY, CLOSE, CONTINUED, HANDSHAKE, PING, TEXT, frame

INIT: Final = {"type": "connection_init"}


@dataclass(frozen=True)
class Frames:
    """`code` of the server's close frame. A token is given where `signed_in`."""

    name: str
    sent: bytes
    code: int
    signed_in: bool = False


def said(*messages: Any) -> bytes:
    """Messages as texts."""
    return b"".join(frame(each if isinstance(each, bytes) else json.dumps(each).encode()) for each in messages)


def subscribe(payload: Any, id: Any = "1") -> dict[str, Any]:
    """To begin an operation."""
    return {"type": "subscribe", "id": id, "payload": payload}


EVENTS: Final = {"query": "subscription { sessionEvents { at } }"}
FRAMES: Final = (
    Frames("not masked", frame(b"{}", masked=False), 1002),
    Frames("a reserved bit", frame(b"{}", reserved=4), 1002),
    Frames("an unknown opcode", frame(b"{}", 3), 1002),
    Frames("an unknown control frame", frame(b"", 11), 1002),
    Frames("a long ping", frame(b"x" * 126, PING), 1002),
    Frames("a ping in pieces", frame(b"x", PING, end=False), 1002),
    Frames("a continuation of nothing", frame(b"x", CONTINUED), 1002),
    Frames("a text within a text", frame(b"x", TEXT, end=False) + frame(b"x"), 1002),
    Frames("a close of one byte", frame(b"x", CLOSE), 1002),
    Frames("a close with a code that is none", frame(struct.pack(">H", 999), CLOSE), 1002),
    Frames("a close whose reason is no text", frame(struct.pack(">H", 1000) + b"\xff", CLOSE), 1007),
    Frames("a text that is no UTF-8", frame(b"\xff"), 1007),
    Frames("half a surrogate pair", frame(b"\xed\xa0\x80"), 1007),
    Frames("a frame of 8 EiB", b"\x81\xff\x7f" + b"\xff" * 7 + b"mask", 1009),
    Frames("a frame of more than there is", b"\x81\xff\xff" + b"\xff" * 7 + b"mask", 1009),
    Frames(
        "100,000 pieces of nothing",
        frame(b"x", TEXT, end=False) + frame(b"", CONTINUED, end=False) * 100_000 + frame(b"", CONTINUED),
        1009,
    ),
    Frames(
        "a message too long",
        b"".join(frame(b"x" * 65_536, TEXT if n == 0 else CONTINUED, end=False) for n in range(100)),
        1009,
    ),
    Frames("bytes", frame(b"{}", BINARY), 4400),
    Frames("no JSON", said(b"{"), 4400),
    Frames("a member twice", said(b'{"type": "ping", "type": "pong"}'), 4400),
    Frames("a list", said([]), 4400),
    Frames("null", said(None), 4400),
    Frames("a number", said(5), 4400),
    Frames("100,000 opened lists", said(b"[" * 100_000), 4400),
    Frames("no type", said({}), 4400),
    Frames("a type that is a list", said({"type": ["ping"]}), 4400),
    Frames("a server's message", said({"type": "next", "id": "1", "payload": {}}), 4400),
    Frames("an id that is a list", said(subscribe(EVENTS, ["1"])), 4400),
    Frames("an id of a thousand characters", said(subscribe(EVENTS, "1" * 1_000)), 4400),
    Frames("no document", said(subscribe({})), 4400),
    Frames("a document that is a list", said(subscribe({"query": ["{ me { id } }"]})), 4400),
    Frames("variables that are a list", said(subscribe({"query": "{ me { id } }", "variables": []})), 4400),
    Frames("asks before it says who it is", said(subscribe(EVENTS)), 4401),
    Frames("says nothing of who it is", said(INIT), 4403),
    Frames("a forged token", said({**INIT, "payload": {"authorization": "Bearer a.b.c"}}), 4403),
    Frames("a token that is an object", said({**INIT, "payload": {"authorization": {"$gt": ""}}}), 4403),
    Frames("says it twice", said(INIT, INIT), 4429, signed_in=True),
    Frames("one id twice", said(INIT, subscribe(EVENTS), subscribe(EVENTS)), 4409, signed_in=True),
)


def handshake(token: str | None) -> bytes:
    """The request that opens a socket."""
    return HANDSHAKE + (f"Authorization: Bearer {token}\r\n".encode() if token else b"") + b"\r\n"
