"""Who doesn't read his event stream: he is waited for while he may hear more, and hung up on after that."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from uvicorn.protocols.http.flow_control import FlowControl

from api import stream_flow
from api.http_protocol import HttpProtocol
from api.stream_flow import StreamFlow
from permissions.authn.cutoff import Cut, Cutoff
from tests.api.test_event_streams import streaming
from tests.api.test_shared_streams import SHARE, come, until
from tests.api.test_socket_expiry import listening
from tests.api.test_withheld import ALONE, SHARED, shared_with_guest, so, watched
from tests.resolvers.chat.documents import append
from tests.served import Served

MUCH: Final = bytes(16 * 1024 * 1024)
"""More than lies in the buffers of a connection."""


class Peer(asyncio.Protocol):
    """The server's side of a connection, as uvicorn has it."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.flow: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport, self.flow = transport, FlowControl(transport)

    def pause_writing(self) -> None:
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        self.flow.resume_writing()


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Peer, socket.socket]]:
    peer, loop = Peer(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: peer, "127.0.0.1", 0)
    client = socket.create_connection(server.sockets[0].getsockname())
    client.setblocking(False)
    try:
        await so(lambda: peer.flow is not None)
        yield peer, client
    finally:
        client.close()
        peer.transport.abort()
        server.close()


async def read(client: socket.socket, size: int) -> int:
    """As much, or all that comes."""
    got = 0
    while got < size:
        try:
            some = await asyncio.get_running_loop().sock_recv(client, 1 << 20)
        except ConnectionResetError:
            break
        if not some:
            break
        got += len(some)
    return got


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_flow, "HANG_UP_SECONDS", 0.05)


async def test_who_is_cut_off_and_reads_nothing_is_hung_up_on() -> None:
    async with connected() as (peer, client):
        cutoff = Cutoff()
        peer.transport.write(MUCH)
        assert peer.flow.write_paused
        waiting = asyncio.ensure_future(StreamFlow(peer.flow, cutoff).waits())
        cutoff.end(Cut("ended"))
        with pytest.raises(ConnectionAbortedError):
            await asyncio.wait_for(waiting, 30)
        assert peer.transport.is_closing()
        assert await read(client, len(MUCH)) < len(MUCH)


async def test_who_reads_late_is_waited_for_while_nothing_is_taken_from_him() -> None:
    async with connected() as (peer, client):
        peer.transport.write(MUCH)
        waiting = asyncio.ensure_future(StreamFlow(peer.flow, Cutoff()).waits())
        await asyncio.wait({waiting}, timeout=0.3)
        assert not waiting.done()
        assert await read(client, len(MUCH)) == len(MUCH)
        assert await asyncio.wait_for(waiting, 30)
        assert not peer.transport.is_closing()


@pytest.mark.parametrize("reads", [True, False])
async def test_the_end_of_a_stream_has_to_be_read_too(reads: bool) -> None:
    async with connected() as (peer, client):
        cutoff = Cutoff()
        cutoff.end(Cut("ended"))
        peer.transport.set_write_buffer_limits(high=2 * len(MUCH))
        peer.transport.write(MUCH)
        flow = StreamFlow(peer.flow, cutoff)
        assert not await flow.waits()
        flow.ended()
        if reads:
            assert await read(client, len(MUCH)) == len(MUCH)
            assert not peer.transport.is_closing()
        else:
            await so(peer.transport.is_closing)


@pytest.mark.parametrize("query", [ALONE, SHARED])
async def test_a_stream_whose_client_reads_nothing_is_gone_after_he_lost_his_right(
    served: Served, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    alice, guest = await served.as_("alice"), await served.as_("guest")
    conversation, nothing = await shared_with_guest(served, alice)
    with watched(monkeypatch, HttpProtocol) as connections:
        async with listening(served) as address, streaming(address, guest.token, query, id=conversation) as stream:
            await come(served, stream, conversation)
            await append(alice, conversation, "for all")
            assert await until(stream, "for all")
            connection = connections.newest()
            connection.flow.pause_writing()
            assert (await alice.ask(SHARE, input=nothing)).data
            await so(connection.transport.is_closing)
