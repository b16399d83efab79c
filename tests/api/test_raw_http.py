"""Bytes that no HTTP client would send, written to a real server: each is answered in order, or its connection ends."""

import asyncio
import json
from typing import Final

import pytest

from api.security_headers import STANDING
from tests.api.test_socket_expiry import listening
from tests.served import Served

HOST: Final = b"Host: parley.test\r\n"
POST: Final = b"POST /graphql HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
GET: Final = b"GET /graphql HTTP/1.1\r\n"
UPGRADE: Final = HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
OTHER: Final = (
    b"Connection: Upgrade\r\nUpgrade: h2c",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nConnection: keep-alive",
)
"""Ways to ask for a protocol that is not gone over to."""
KEY: Final = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
START: Final = b'{"query": "mutation { startConversation(input: {}) { conversation { id } } }"}'
SECONDS: Final = 20

REFUSED: Final[dict[str, tuple[int, bytes]]] = {
    "no HTTP": (400, b"\x16\x03\x01\x02\x00\r\n\r\n"),
    "HTTP/2": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "a method that there isn't": (400, b"FETCH /graphql HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a method in small letters": (400, b"get /graphql HTTP/1.1\r\n" + HOST + b"\r\n"),
    "an address that isn't ASCII": (400, b"GET /\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a tunnel": (400, b"CONNECT parley.test:443 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "no host": (400, b"GET /healthz HTTP/1.1\r\n\r\n"),
    "two hosts": (400, b"GET /healthz HTTP/1.1\r\n" + HOST + HOST + b"\r\n"),
    "a folded header": (400, b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n"),
    "a NUL in a header": (400, b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: a\0b\r\n\r\n"),
    "a space before the colon": (400, b"GET /healthz HTTP/1.1\r\n" + HOST + b"X : a\r\n\r\n"),
    "a length that is no number": (400, POST + b"Content-Length: ten\r\n\r\n"),
    "a length below nought": (400, POST + b"Content-Length: -1\r\n\r\n"),
    "a length beyond all numbers": (400, POST + b"Content-Length: 99999999999999999999\r\n\r\n"),
    "a length beyond the limit": (413, POST + b"Content-Length: 90000000\r\n\r\n"),
    "the same, asked before": (413, POST + b"Expect: 100-continue\r\nContent-Length: 9000000\r\n\r\n"),
    "a body beyond the limit": (413, POST + b"Content-Length: 9000000\r\n\r\n" + b"x" * 9_000_000),
    "two lengths": (400, POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    "a length, and chunks": (400, POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "chunks that aren't": (400, POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
    "an unknown coding": (400, POST + b"Transfer-Encoding: gzip\r\n\r\n"),
    "a packed body": (415, POST + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b"),
    "half a JSON in chunks": (400, POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n\r\n"),
    "nothing": (400, POST + b"Content-Length: 0\r\n\r\n"),
    "all methods of the server": (404, b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a handshake without a key": (400, b"GET /graphql HTTP/1.1\r\n" + UPGRADE + b"\r\n"),
    "a handshake with a body": (400, GET + UPGRADE + KEY + b"Content-Length: 2\r\n\r\n{}"),
    "a handshake by POST": (405, b"POST /graphql HTTP/1.1\r\n" + UPGRADE + KEY + b"\r\n"),
    "a handshake elsewhere": (404, b"GET /healthz HTTP/1.1\r\n" + UPGRADE + KEY + b"\r\n"),
    "a handshake of another version": (400, GET + UPGRADE + KEY.replace(b"13", b"8") + b"\r\n"),
    "a long handshake": (414, b"GET /graphql?" + b"a" * 9_000 + b" HTTP/1.1\r\n" + UPGRADE + KEY + b"\r\n"),
    "a handshake with a long header": (431, GET + b"X: " + b"a" * 9_000 + b"\r\n" + UPGRADE + KEY + b"\r\n"),
    "a handshake from another site": (403, GET + b"Origin: https://evil.example\r\n" + UPGRADE + KEY + b"\r\n"),
}
ANSWERED: Final[dict[str, bytes]] = {
    "chunks of one byte": POST
    + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"".join(b"1\r\n%c\r\n" % byte for byte in b'{"query": "{ __typename }"}')
    + b"0\r\n\r\n",
    "a whole address": b"GET http://parley.test/graphql?query={__typename} HTTP/1.1\r\n" + HOST + b"\r\n",
    "HTTP/1.0": b"GET /graphql?query={__typename} HTTP/1.0\r\n\r\n",
}


async def exchange(address: str, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the first answer; the server closes the connection, or is asked to by us."""
    host, port = address.removeprefix("ws://").partition("/")[0].split(":")
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(sent)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in lines)}
        body = await (
            reader.readexactly(int(headers["content-length"])) if "content-length" in headers else reader.read()
        )
        writer.close()
        return int(line.split(" ")[1]), headers, body


async def test_what_is_not_in_order_is_refused_as_json(served: Served) -> None:
    async with listening(served) as address:
        for name, (status, sent) in REFUSED.items():
            answered, headers, body = await exchange(address, sent)
            assert answered == status, (name, body)
            assert json.loads(body)["errors"][0]["extensions"]["code"], name
            assert headers["content-type"] == "application/json", name
            assert {each: headers.get(each.lower()) for each in STANDING} == dict(STANDING), name
        for name, sent in ANSWERED.items():
            answered, _, body = await exchange(address, sent)
            assert (answered, json.loads(body)) == (200, {"data": {"__typename": "Query"}}), name


async def test_the_body_of_a_request_for_another_protocol_is_no_request(served: Served) -> None:
    """Java's client asks for HTTP/2 with the first that it sends; a proxy takes what follows for the body, too."""
    first, second = b'{"query": "{ first: __typename }"}', b'{"query": "{ second: __typename }"}'
    then = POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(second) + second
    async with listening(served) as address, asyncio.timeout(SECONDS):
        host, port = address.removeprefix("ws://").partition("/")[0].split(":")
        for asked in OTHER:
            head = POST + asked + b"\r\nContent-Length: %d\r\n\r\n" % len(first)
            whole = head + first + then
            for place in (9, len(head), len(head + first) + 30):
                reader, writer = await asyncio.open_connection(host, int(port))
                for part in (whole[:place], whole[place:]):
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(0.01)
                answers = await reader.read()
                writer.close()
                assert answers.count(b"HTTP/1.1 200 OK\r\n") == answers.count(b"HTTP/1.1") == 2
                assert answers.index(b'{"data":{"first":"Query"}}') < answers.index(b'{"data":{"second":"Query"}}')


async def test_half_a_body_is_none_though_it_be_sound(served: Served) -> None:
    """Its client went before it had said all: nothing of it is done."""
    alice = await served.as_("alice")
    head = POST + b"Authorization: Bearer " + str(alice.token).encode() + b"\r\n"
    async with listening(served) as address:
        for part in (b"Content-Length: 500\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(START)):
            host, port = address.removeprefix("ws://").partition("/")[0].split(":")
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(head + part + START + b"\r\n")
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        answered, _, _ = await exchange(address, head + b"Content-Length: %d\r\n\r\n%b" % (len(START), START))
        assert answered == 200
    found = await alice.ask("{ conversations(first: 10) { edges { node { id } } } }")
    assert len(found.data["conversations"]["edges"]) == 1


async def test_refused_handshakes_fill_no_log(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    async with listening(served) as address:
        for name in ("a handshake elsewhere", "a handshake from another site", "a long handshake"):
            await exchange(address, REFUSED[name][1])
    assert [record.message for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []
