"""PyMongo's exchange of a message, and ours: the same ends, whatever comes between; and fewer turns of the loop."""

import asyncio
import hashlib
import inspect
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from pymongo import AsyncMongoClient, network_layer
from pymongo.asynchronous import pool
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.network_layer import PyMongoProtocol
from pymongo.uri_parser import parse_uri

from models import exchanges
from models.database import Record
from models.embedded import EmbeddedStores

MIRRORED: Final[dict[Callable[..., Any], str]] = {
    network_layer.async_receive_message: "653f58d97707b1ed",
    network_layer.async_sendall: "dbe4c31d7a9e69e1",
    network_layer._poll_cancellation: "628861809feeeb74",
    PyMongoProtocol.read: "99aa2bbf371850cb",
    PyMongoProtocol.write: "1517e38f460c8000",
}
"""Where one differs: read what has changed, bring `models/exchanges.py` in line, and note the new digest here."""
WAYS: Final = {
    "theirs": (network_layer.async_sendall, network_layer.async_receive_message),
    "ours": (exchanges.send, exchanges.receive),
}
HEADER: Final = struct.Struct("<iiii")
FOUND: Final = {"_id": 1, "said": "hello"}


class Relay:
    """Stands between a client and MongoDB."""

    def __init__(self, host: str, port: int) -> None:
        self.address = ""
        self.answers: Callable[[bytes, bytes], bytes | None] = lambda _, answer: answer
        """What comes of an answer to a request; None hangs up, no bytes keep the client waiting."""
        self.kept = asyncio.Event()
        """Set when a client was kept waiting."""
        self._server = host, port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._server)
        try:
            while True:
                request = await _message(reader)
                back.write(request)
                answer = self.answers(request, await _message(there))
                if answer is None:
                    return
                if not answer:
                    self.kept.set()
                writer.write(answer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()
            back.close()


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(HEADER.size)
    return head + await reader.readexactly(HEADER.unpack(head)[0] - HEADER.size)


@asynccontextmanager
async def between(stores: EmbeddedStores, **options: Any) -> AsyncIterator[tuple[Relay, AsyncDatabase[Record]]]:
    """A relay, and a database behind it."""
    relay = Relay(*parse_uri(stores.mongodb_uri)["nodelist"][0])
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    client: AsyncMongoClient[Record] = AsyncMongoClient(
        host, port, directConnection=True, retryReads=False, serverMonitoringMode="poll", **options
    )
    try:
        await client.exchanges.said.replace_one({"_id": 1}, FOUND, upsert=True)
        yield relay, client.exchanges
    finally:
        await client.close()
        server.close()


def _finds(answer: Callable[[bytes, bytes], bytes | None]) -> Callable[[bytes, bytes], bytes | None]:
    """That for the answers to a `find` only: the client looks after its server, too."""
    return lambda request, real: answer(request, real) if b"\x02find\x00" in request else real


async def told(_: Relay, find: Awaitable[Any]) -> object:
    return await find


async def kept_waiting(relay: Relay, find: Awaitable[Any]) -> object:
    relay.answers = _finds(lambda *_: b"")
    return await find


async def hung_up_on(relay: Relay, find: Awaitable[Any]) -> object:
    relay.answers = _finds(lambda *_: None)
    return await find


async def told_nonsense(relay: Relay, find: Awaitable[Any]) -> object:
    relay.answers = _finds(lambda request, _: HEADER.pack(20, 1, HEADER.unpack_from(request)[1], 9_999) + b"none")
    return await find


async def told_somebody_elses(relay: Relay, find: Awaitable[Any]) -> object:
    relay.answers = _finds(lambda _, real: real[:8] + b"\x01\x00\x00\x00" + real[12:])
    return await find


async def cancelled(relay: Relay, find: Coroutine[Any, Any, Any]) -> object:
    relay.answers = _finds(lambda *_: b"")
    task = asyncio.create_task(find)
    await relay.kept.wait()
    task.cancel()
    return await task


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("ends", "options", "expected"),
    [
        (told, {}, None),
        (told, {"timeoutMS": 60_000}, None),
        (kept_waiting, {"socketTimeoutMS": 100}, "NetworkTimeout"),
        (kept_waiting, {"timeoutMS": 1_000}, "NetworkTimeout"),
        (hung_up_on, {}, "AutoReconnect"),
        (told_nonsense, {}, "ProtocolError"),
        (told_somebody_elses, {}, "ProtocolError"),
        (cancelled, {}, "CancelledError"),
    ],
)
async def test_a_call_ends_alike_and_the_next_one_is_answered(
    stores: EmbeddedStores,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    ends: Callable[..., Awaitable[object]],
    options: dict[str, Any],
    expected: str | None,
) -> None:
    _take(monkeypatch, way)
    async with between(stores, **options) as (relay, db):
        try:
            assert await ends(relay, db.said.find_one()) == FOUND
            ended = None
        except (Exception, asyncio.CancelledError) as error:
            ended = type(error).__name__
        assert ended == expected
        relay.answers = lambda _, answer: answer
        assert await db.said.find_one() == FOUND


@pytest.mark.parametrize("way", WAYS)
async def test_operations_that_are_cancelled_end_soon(
    stores: EmbeddedStores, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """As where a server is taken for gone, and the pool is emptied."""
    _take(monkeypatch, way)
    held = list[pool.AsyncConnection]()
    receive = WAYS[way][1]

    async def noted(connection: pool.AsyncConnection, *given: Any) -> Any:
        held.append(connection)
        return await receive(connection, *given)

    monkeypatch.setattr(pool, "async_receive_message", noted)
    async with between(stores) as (relay, db):
        relay.answers = _finds(lambda *_: b"")
        held.clear()
        find = asyncio.create_task(db.said.find_one())
        await relay.kept.wait()
        for connection in held:
            connection.cancel_context.cancel()
        with pytest.raises(Exception, match="operation cancelled"):
            await find


async def test_a_call_takes_no_task(stores: EmbeddedStores) -> None:
    used = vars(pool)["async_sendall"], vars(pool)["async_receive_message"]
    assert used == WAYS["ours"], "PyMongo has other names for them"
    made = list[str]()
    loop = asyncio.get_running_loop()

    def factory(loop: asyncio.AbstractEventLoop, work: Any, **given: Any) -> Any:
        made.append(work.__qualname__)
        return asyncio.Task(work, loop=loop, **given)

    async with between(stores) as (_, db):
        loop.set_task_factory(factory)
        assert await db.said.find_one() == FOUND
        loop.set_task_factory(None)
    assert not [each for each in made if each.startswith(("PyMongoProtocol", "_poll"))]


@pytest.mark.parametrize("mirrored", MIRRORED, ids=lambda function: function.__qualname__)
def test_what_we_do_instead_of_is_as_it_was(mirrored: Callable[..., Any]) -> None:
    digest = hashlib.sha256(inspect.getsource(mirrored).encode()).hexdigest()[:16]
    assert digest == MIRRORED[mirrored]


def _take(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    send, receive = WAYS[way]
    monkeypatch.setattr(pool, "async_sendall", send)
    monkeypatch.setattr(pool, "async_receive_message", receive)
    monkeypatch.setattr(network_layer, "_POLL_TIMEOUT", 0.01)
    monkeypatch.setattr(exchanges, "POLL_SECONDS", 0.01)
