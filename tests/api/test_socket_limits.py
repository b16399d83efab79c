"""What comes over a WebSocket, at its limit, one below, one over."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, Final

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from api.settings import Settings
from tests.api.test_socket_expiry import listening, opened
from tests.served import Served

MOST: Final = Settings(_env_file=None).socket_message_bytes


def message(size: int) -> str:
    """A ping of so many bytes."""
    empty = json.dumps({"type": "ping", "payload": {"a": ""}})
    return empty.replace('""', '"' + "a" * (size - len(empty)) + '"')


async def answer(client: ClientConnection) -> Any:
    """What comes back, or the code with which the socket is closed."""
    try:
        return json.loads(await client.recv())
    except ConnectionClosed as closed:
        return closed.rcvd and closed.rcvd.code


@pytest.mark.parametrize("fragments", [1, 5])
async def test_a_message_of_the_most_bytes_is_taken_and_one_more_ends_the_socket(
    served: Served, fragments: int
) -> None:
    alice = await served.as_("alice")
    assert alice.token is not None

    async def sent(client: ClientConnection, size: int) -> Any:
        text, part = message(size), size // fragments + 1
        pieces = [text[place : place + part] for place in range(0, size, part)]
        await client.send(pieces[0] if fragments == 1 else pieces)
        return await answer(client)

    async with listening(served) as address, opened(address, alice.token) as client:
        assert await sent(client, MOST - 1) == {"type": "pong"}
        assert await sent(client, MOST) == {"type": "pong"}
        assert await sent(client, MOST + 1) == 1009


@pytest.mark.parametrize(("before", "let"), [(98, True), (99, True), (100, False)])
async def test_operations_on_a_socket_up_to_the_most(served: Served, before: int, let: bool) -> None:
    connections = served.app.state.connections
    connections.limits = type(connections.limits)(operations=100)
    alice = await served.as_("alice")
    assert alice.token is not None
    follow = {"query": "subscription { sessionEvents { __typename } }"}
    async with listening(served) as address, opened(address, alice.token) as client:
        for number in range(before):
            await client.send(json.dumps({"id": str(number), "type": "subscribe", "payload": follow}))
        await client.send(json.dumps({"id": "x", "type": "subscribe", "payload": {"query": "{ me { id } }"}}))
        told = await answer(client)
        assert told["id"] == "x"
        assert (told["type"] == "next") is let


@pytest.mark.parametrize("goodbye", ["complete", "close"])
async def test_an_operation_that_swallows_its_end_is_ended_all_the_same(
    served: Served, monkeypatch: pytest.MonkeyPatch, goodbye: str
) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def stubborn(*_: object) -> AsyncGenerator[Any, None]:
        try:
            with suppress(asyncio.CancelledError):
                begun.set()
                await asyncio.Event().wait()
            await asyncio.Event().wait()
            yield
        finally:
            ended.set()

    monkeypatch.setattr("resolvers.account.session_subscription._merged", stubborn)
    monkeypatch.setattr("api.background.AGAIN_SECONDS", 0.01)
    alice = await served.as_("alice")
    assert alice.token is not None
    follow = {"query": "subscription { sessionEvents { __typename } }"}
    async with listening(served) as address, opened(address, alice.token) as client:
        await client.send(json.dumps({"id": "1", "type": "subscribe", "payload": follow}))
        await begun.wait()
        if goodbye == "complete":
            await client.send(json.dumps({"id": "1", "type": "complete"}))
        else:
            await client.close()
        await asyncio.wait_for(ended.wait(), 10)
