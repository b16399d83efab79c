"""What comes before the body of a request: at each limit, one below, one over; and what does not come at all."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from api.heads import HeadLimits
from api.http_protocol import MOST_BEGUN
from api.requests import BodyLimit
from api.settings import Settings
from api.worker import configure

LIMITS: Final = Settings(
    _env_file=None, url_bytes=300, header_bytes=2_000, headers=20, head_seconds=0.3, request_seconds=0.3
)
PATIENT: Final = LIMITS.model_copy(update={"head_seconds": 60.0})
WHOLE: Final = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def echo(request: Request) -> Response:
    """Answers with how much it was sent."""
    said = {"X-Heard": request.headers.get("x-forwarded-for", "none")}
    return PlainTextResponse(str(len(await request.body())), headers=said)


async def silent(socket: WebSocket) -> None:
    """Says nothing until its client is gone."""
    await socket.accept()
    await socket.receive()


@asynccontextmanager
async def serving(settings: Settings = LIMITS) -> AsyncIterator[int]:
    """The port of a server with nothing behind its protocol."""
    listener = socket.create_server(("127.0.0.1", 0))
    routes = [Route("/{rest:path}", echo, methods=["GET", "POST"]), WebSocketRoute("/graphql", silent)]
    app = Starlette(routes=routes)
    app.add_middleware(BodyLimit, limit=10_000, seconds=settings.request_seconds)
    config = configure(app, settings)
    config.lifespan = "off"
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        listener.close()


@dataclass
class Told:
    """What came back."""

    status: int
    body: bytes
    forwarded: bytes | None = None
    """`X-Forwarded-For`, as the application was told."""

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["errors"][0]["extensions"]["code"])


async def told(port: int, *parts: bytes) -> list[Told]:
    """All answers until the server closes, or has answered all."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        data = await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:
        data = b""
    finally:
        writer.close()
    return list(_answers(data))


def _answers(data: bytes) -> Any:
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in lines[1:])
        length = int(fields[b"content-length"])
        yield Told(int(lines[0].split()[1]), rest[:length], fields.get(b"x-heard"))
        data = rest[length:]


def head(*fields: bytes, url: bytes = b"/") -> bytes:
    """A request."""
    return (
        b"GET "
        + url
        + b" HTTP/1.1\r\n"
        + b"".join(each + b"\r\n" for each in (*fields, b"Connection: close"))
        + b"\r\n"
    )


def _url(size: int) -> bytes:
    return head(b"Host: x", url=b"/?" + b"a" * (size - 2))


def _bytes(size: int) -> bytes:
    """`Host`, `Connection` and their values have 20."""
    return head(b"Host: x", b"A: " + b"a" * (size - 21))


def _fields(count: int) -> bytes:
    return head(b"Host: x", *(b"A: a" for _ in range(count - 2)))


@pytest.mark.parametrize(
    ("made", "limit", "status"),
    [(_url, 300, 414), (_bytes, 2_000, 431), (_fields, 20, 431)],
    ids=["address", "bytes of headers", "headers"],
)
async def test_each_limit_at_it_and_one_below_and_one_over(
    made: Callable[[int], bytes], limit: int, status: int
) -> None:
    async with serving() as port:
        for size in (limit - 1, limit):
            assert [each.status for each in await told(port, made(size))] == [200]
        over = await told(port, made(limit + 1))
        assert [each.status for each in over] == [status]
        assert over[0].code == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize("piece", [1, 7, 400])
async def test_it_does_not_matter_in_which_pieces_it_comes(piece: int) -> None:
    async with serving(PATIENT) as port:
        for request, status in ((_bytes(1_000), 200), (_url(301), 414), (_fields(21), 431)):
            parts = [request[place : place + piece] for place in range(0, len(request), piece)]
            assert [each.status for each in await told(port, *parts)] == [status]


@pytest.mark.parametrize("begun", [b"GET / HTTP/1.1\r\nHost: x\r\nA: ", b"GET / HTTP/1.1\r\nHost: x\r\nA", b"GET /"])
async def test_a_header_without_an_end_is_not_kept(begun: bytes) -> None:
    """The parser would keep all of it: a megabyte went through."""
    async with serving(PATIENT) as port:
        answers = await told(port, begun, *[b"a" * 1_000] * 50)
        assert [each.status for each in answers] in (
            [431],
            [414],
            [],
        )  # what was still on its way resets the connection


@pytest.mark.parametrize(
    "begun", [b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\n", b"\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nA: a"]
)
async def test_who_does_not_go_on_is_told_so_and_left(begun: bytes) -> None:
    async with serving() as port:
        answers = await told(port, begun)
        assert [(each.status, each.code) for each in answers] == [(408, "BAD_USER_INPUT")] * bool(begun.strip())


async def test_nor_does_a_byte_now_and_then_keep_the_connection() -> None:
    async with serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nA: ")
        with pytest.raises((ConnectionError, AssertionError)):  # noqa: PT012
            for _ in range(200):
                writer.write(b"a")
                await writer.drain()
                assert not reader.at_eof()
                await asyncio.sleep(0.02)  # the client's pace, and nothing is waited for
        writer.close()


async def test_a_second_request_on_the_connection_has_limits_of_its_own() -> None:
    async with serving() as port:
        many = [WHOLE] * 99 + [_bytes(2_000)]  # more than a head may have, together and each by itself
        assert [each.status for each in await told(port, b"".join(many))] == [200] * 100
        assert [each.status for each in await told(port, *many)] == [200] * 100
        begun = b"GET / HTTP/1.1\r\nHost"
        assert [each.status for each in await told(port, WHOLE, begun)] == [200, 408]
        assert [each.status for each in await told(port, WHOLE + begun)] == [200, 408]


async def test_a_refusal_does_not_stand_in_the_middle_of_an_answer() -> None:
    """What was asked before on the connection is not answered then, as with any request that can't be read."""
    async with serving(PATIENT) as port:
        assert [each.status for each in await told(port, WHOLE + _url(301))] in ([431], [414])


async def test_who_sends_more_at_once_than_may_wait_for_answers_is_hung_up_on() -> None:
    """Each was looked at again for each: a quarter of a megabyte kept a worker busy for four seconds."""
    async with serving(PATIENT) as port:
        last = WHOLE.replace(b"Host", b"Connection: close\r\nHost")
        assert [each.status for each in await told(port, WHOLE * (MOST_BEGUN - 1) + last)] == [200] * MOST_BEGUN
        assert [each.status for each in await told(port, WHOLE * (MOST_BEGUN + 1))] == [400]


async def test_a_socket_stays_open_for_longer_than_its_handshake_may_take() -> None:
    async with serving() as port:
        asked = (
            b"GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(asked)
        assert b"101" in await reader.readline()
        await reader.readuntil(b"\r\n\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 3 * LIMITS.head_seconds)
        writer.close()


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async with serving() as port:
        begun = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"
        assert [(each.status, each.code) for each in await told(port, begun)] == [(408, "BAD_USER_INPUT")]


@pytest.mark.parametrize(("size", "status"), [(9_999, 200), (10_000, 200), (10_001, 413)])
async def test_a_body_at_its_limit_one_below_and_one_over(size: int, status: int) -> None:
    async with serving() as port:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size
        answers = await told(port, head + b"a" * size)
        assert [each.status for each in answers] == [status]


def test_the_settings_are_the_limits() -> None:
    assert Settings(_env_file=None).head_limits == HeadLimits()


@pytest.mark.parametrize("trailer", [b"a" * 1_000, b"a\r\n" + b"X: a\r\n" * 100 + b"X: "], ids=["long", "many"])
async def test_what_follows_a_body_has_the_limits_of_a_head(trailer: bytes) -> None:
    begun = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    patient = PATIENT.model_copy(update={"request_seconds": 60.0})
    async with serving(patient) as port:
        answers = await told(port, begun, b"X: ", *[trailer] * 20)
        assert [each.status for each in answers] == [431]


async def test_what_follows_a_body_is_no_header() -> None:
    """A proxy before us overwrites `X-Forwarded-For` where it looks: among the headers."""
    begun = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\na\r\n0\r\n"
    async with serving() as port:
        (answer,) = await told(port, begun + b"X-Forwarded-For: 192.0.2.1\r\n\r\n")
        assert (answer.status, answer.body, answer.forwarded) == (200, b"1", b"none")
