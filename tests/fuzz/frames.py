"""WebSocket bytes: frames with odd heads, and messages of `graphql-transport-ws` of odd shapes."""

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.fuzz.exchange import Sent

TEXT, BINARY, CLOSE, PING, PONG, CONTINUED = 1, 2, 8, 9, 10, 0
HANDSHAKE: Final = (
    b"GET /graphql HTTP/1.1\r\nHost: parley.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n"
)
MASK: Final = b"mask"

plain: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "1", "x" * 300, "\ud800", "\x00", "connection_init"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "type", "payload", "$gt", ""]), inner, max_size=3)
    ),
    max_leaves=5,
)
ids: Final = st.sampled_from(["1", "1", "2", "3", "x" * 256, "x" * 257, "\x00", "\ud800"]) | plain


def frame(payload: bytes, opcode: int = TEXT, *, end: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    """One frame of a client (RFC 6455, 5.2)."""
    head = bytes([(0x80 if end else 0) | reserved << 4 | opcode])
    return head + _length(len(payload), masked) + (MASK + _masked(payload) if masked else payload)


def _length(length: int, masked: bool) -> bytes:
    bit = 0x80 if masked else 0
    if length < 126:
        return bytes([bit | length])
    return (
        bytes([bit | 126]) + struct.pack(">H", length)
        if length < 2**16
        else bytes([bit | 127]) + struct.pack(">Q", length)
    )


def _masked(payload: bytes) -> bytes:
    pad = (MASK * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload) ^ int.from_bytes(pad)).to_bytes(len(payload)) if payload else b""


@st.composite
def messages(draw: st.DrawFn, documents: SearchStrategy[Mapping[str, Any]]) -> Any:
    """What a client may say, and what it may not."""
    kind = draw(
        st.sampled_from(["subscribe"] * 6 + ["complete", "ping", "pong", "connection_init", "next", "x", None, 5])
    )
    message: dict[str, Any] = {"type": kind}
    if kind in {"subscribe", "complete"} or draw(st.integers(0, 5)) == 0:
        message["id"] = draw(ids)
    if kind == "subscribe":
        message["payload"] = draw(documents if draw(st.integers(0, 3)) else plain)
    elif draw(st.booleans()):
        message["payload"] = draw(plain | st.just({"authorization": "Bearer a.b.c"}))
    return message if draw(st.integers(0, 15)) else draw(plain)


@st.composite
def odd_frames(draw: st.DrawFn) -> bytes:
    """Any opcode, mask, length, and bits that nobody has agreed on; close codes of all kinds."""
    match draw(st.integers(0, 7)):
        case 0:
            code = draw(
                st.sampled_from([0, 999, 1000, 1001, 1004, 1005, 1006, 1010, 1015, 2999, 3000, 4400, 4999, 5000, 65535])
            )
            reason = draw(st.sampled_from([b"", b"bye", b"\xff", b"x" * 123, b"x" * 124]))
            return frame(struct.pack(">H", code) + reason, CLOSE)
        case 1:
            return frame(
                draw(st.sampled_from([b"", b"x", b"x" * 125, b"x" * 126])), draw(st.sampled_from([PING, PONG, CLOSE]))
            )
        case 2:
            head = draw(st.sampled_from([b"\x81\xff", b"\x81\xfe", b"\x81\x7f", b"\x01\xff"]))
            return (
                head
                + draw(st.sampled_from([b"\xff" * 8, b"\x80" + b"\0" * 7, b"\0" * 8, b"\0" * 7 + b"\x05", b"\0\x05"]))
                + b"mask"
            )
        case 3:
            return frame(
                b"{}",
                draw(st.integers(0, 15)),
                end=draw(st.booleans()),
                masked=draw(st.booleans()),
                reserved=draw(st.integers(0, 7)),
            )
        case 4:
            return draw(st.binary(max_size=60))
        case 5:
            return frame(
                draw(st.sampled_from([b"\xff", b"\xed\xa0\x80", b"\x00", b"[" * 50_000, b"{", b"", b'"x"', b"NaN"]))
            )
        case 6:
            return frame(draw(st.binary(max_size=20)), BINARY)
    return frame(b"x" * draw(st.sampled_from([65_535, 65_536, 100_000])), end=draw(st.booleans()))


def fragments(payload: bytes, size: int, between: bytes) -> Iterator[bytes]:
    """One message in several frames; control frames may stand between them."""
    for start in range(0, len(payload), size):
        last = start + size >= len(payload)
        yield frame(payload[start : start + size], TEXT if start == 0 else CONTINUED, end=last) + (
            b"" if last else between
        )


@st.composite
def said(draw: st.DrawFn, documents: SearchStrategy[Mapping[str, Any]]) -> bytes:
    """A message in its frames."""
    payload = json.dumps(draw(messages(documents))).encode()
    if draw(st.integers(0, 4)):
        return frame(payload)
    return b"".join(fragments(payload, draw(st.integers(1, 40)), draw(st.sampled_from([b"", frame(b"p", PING)]))))


@st.composite
def conversations(draw: st.DrawFn, documents: SearchStrategy[Mapping[str, Any]], token: str | None) -> Sent:
    """A handshake, mostly a good beginning, then anything; often a close at the end."""
    handshake = HANDSHAKE + (f"Authorization: Bearer {token}\r\n".encode() if token else b"") + b"\r\n"
    begin = draw(st.sampled_from([frame(b'{"type":"connection_init"}')] * 6 + [b""]))
    each = draw(st.lists(st.one_of(said(documents), said(documents), odd_frames()), min_size=1, max_size=5))
    end = draw(st.sampled_from([frame(struct.pack(">H", 1000), CLOSE)] * 2 + [b""]))
    return Sent((handshake, begin, *each, end), greeted=True)


def closes(told: bytes) -> list[int]:
    """The codes with which the server closed, in what came after its handshake."""
    rest, found = told.partition(b"\r\n\r\n")[2], []
    while len(rest) >= 2:
        opcode, length, at = rest[0] & 15, rest[1] & 127, 2
        if length >= 126:
            at = 4 if length == 126 else 10
            length = int.from_bytes(rest[2:at])
        if opcode == CLOSE and length >= 2:
            found.append(int.from_bytes(rest[at : at + 2]))
        rest = rest[at + length :]
    return found
