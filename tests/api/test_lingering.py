"""Who is refused while his body is still coming reads why."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message

from api import lingering
from api.lingering import Lingering
from tests.api.test_socket_expiry import listening
from tests.processes import PATIENCE_SECONDS
from tests.served import Served

LONG = 32 * 1024 * 1024
"""More than lies in the buffers between two sockets."""
PIECE = bytes(64 * 1024)
MORE: Message = {"type": "http.request", "body": PIECE, "more_body": True}


@pytest.mark.parametrize("path", ["/attachments", "/import?format=parley"])
async def test_who_sends_on_after_he_is_refused_can_send_it_all_and_is_hung_up_on_in_order(
    served: Served, path: str
) -> None:
    async with listening(served) as address, asyncio.timeout(PATIENCE_SECONDS):
        there = urlsplit(address)
        reader, writer = await asyncio.open_connection(there.hostname, there.port)
        writer.write(b"POST %b HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % (path.encode(), LONG))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 401 ")
        assert b"connection: close" in head.lower()
        for _ in range(LONG // len(PIECE)):
            writer.write(PIECE)
            await writer.drain()
        assert b"UNAUTHENTICATED" in await reader.read()  # a reset would raise, and take with it what was not read
        writer.close()


async def refused(*coming: Message) -> list[Message]:
    """What is left of this, of whom it comes from; after it he is silent."""
    sent, left = list[Message](), list(coming)

    async def receive() -> Message:
        if not left:
            await asyncio.get_running_loop().create_future()
        return left.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await Lingering(PlainTextResponse("no", 429))({"type": "http"}, receive, send)
    assert [(each["type"], each.get("body"), each.get("more_body", False)) for each in sent] == [
        ("http.response.start", None, False),
        ("http.response.body", b"no", True),
        ("http.response.body", None, False),
    ]
    return left


async def test_who_is_silent_is_not_waited_for_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "SILENT_SECONDS", 0.01)
    assert await asyncio.wait_for(refused(MORE), PATIENCE_SECONDS) == []


async def test_who_never_ends_is_cut_off_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "SECONDS", 0.01)
    assert await asyncio.wait_for(refused(MORE), PATIENCE_SECONDS) == []


async def test_who_sends_too_much_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "MOST_BYTES", 2 * len(PIECE))
    assert await asyncio.wait_for(refused(*[MORE] * 5), PATIENCE_SECONDS) == [MORE] * 2


@pytest.mark.parametrize(
    "end", [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]
)
async def test_nothing_is_waited_for_at_its_end(end: Message) -> None:
    assert await asyncio.wait_for(refused(MORE, end), PATIENCE_SECONDS) == []


async def test_whose_body_was_read_is_answered_in_one_piece() -> None:
    sent = list[Message]()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"all", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    async def reads(scope: object, receive: Callable[[], Awaitable[Message]], send: object) -> None:
        await receive()
        await PlainTextResponse("yes")({"type": "http"}, receive, send)  # type: ignore[arg-type]

    await Lingering(reads)({"type": "http"}, receive, send)
    assert [each.get("more_body", False) for each in sent] == [False, False]
