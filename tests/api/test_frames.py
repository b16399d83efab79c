"""Odd frames, raw, to a listening server: each is answered, or closed with its code; none ends as a crash would."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from unittest.mock import AsyncMock

import pytest
from pymongo.errors import AutoReconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.sync import client as sync

from api.connections import ConnectionLimits
from api.frames import LONGEST_ID
from permissions.store import PermissionStore
from tests.api.test_socket_expiry import greeted, listening, opened
from tests.served import Served

PATIENCE_SECONDS = 60
SUBPROTOCOL: Any = "graphql-transport-ws"
ME = {"query": "{ me { displayName } }"}
INIT: dict[str, Any] = {"type": "connection_init"}


def subscribe(payload: Any = ME, id: Any = "1") -> dict[str, Any]:
    return {"type": "subscribe", "id": id, "payload": payload}


BAD_REQUEST: list[Any] = [
    [],
    [INIT],
    None,
    5,
    "connection_init",
    True,
    {},
    {"type": None},
    {"type": ["ping"]},
    {"type": "x" * 10_000},
    {"type": "connection_ack"},
    {"type": "next", "id": "1", "payload": {}},
    {"type": "ping", "payload": "x"},
    {"type": "pong", "payload": []},
    {"type": "complete"},
    {"type": "complete", "id": ["1"]},
    subscribe(id=["1"]),
    subscribe(id={}),
    subscribe(id=1),
    subscribe(id=None),
    subscribe(id=""),
    subscribe(id="x" * (LONGEST_ID + 1)),
    {"type": "subscribe", "id": "1"},
    subscribe(None),
    subscribe([]),
    subscribe({}),
    subscribe({"query": None}),
    subscribe({"query": ["{ me { id } }"]}),
    subscribe({**ME, "variables": []}),
    subscribe({**ME, "operationName": 1}),
    subscribe({**ME, "extensions": "x"}),
    b"\x00\xff",
    "not JSON",
    '{"type": "ping"',
    '{"type": "ping", "type": "pong"}',
    '"\\ud800"',
    "[" * 100_000,
    "",
]
"""All of them 4400."""


async def send(client: ClientConnection, frame: Any) -> None:
    await client.send(frame if isinstance(frame, bytes) else json.dumps(frame))


async def hear(client: ClientConnection) -> Any:
    return json.loads(await asyncio.wait_for(client.recv(), PATIENCE_SECONDS))


async def code(client: ClientConnection) -> int:
    """With which the server closes it, whatever it says before."""
    with suppress(ConnectionClosed):
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for _ in client:
                pass
    return coded(client)


def coded(client: ClientConnection | sync.ClientConnection) -> int:
    """The code of one that is closed."""
    assert client.close_code != 1006
    assert len((client.close_reason or "").encode()) <= 123
    return client.close_code or 1006


async def test_what_is_no_message_is_a_bad_request(served: Served) -> None:
    token = str((await served.as_("alice")).token)
    async with listening(served) as address:
        for frame in BAD_REQUEST:
            async with opened(address, token) as client:
                raw = isinstance(frame, str) and frame != "connection_init"
                await (client.send(frame) if raw else send(client, frame))
                assert await code(client) == 4400, frame


async def test_messages_out_of_turn_are_closed_with_the_protocols_codes(served: Served) -> None:
    token = str((await served.as_("alice")).token)
    alice = {"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}
    events = subscribe({"query": "subscription { sessionEvents { at } }"})
    async with listening(served) as address:
        for frames, expected in (
            ([subscribe()], 4401),
            ([{"type": "ping"}, subscribe()], 4401),
            ([INIT], 4403),
            ([{**INIT, "payload": None}], 4403),
            ([{**INIT, "payload": {"authorization": "Bearer x"}}], 4403),
            ([{**INIT, "payload": []}], 4400),
            ([alice, INIT], 4429),
            ([alice, alice], 4429),
            ([alice, events, events], 4409),
            ([alice, {"type": "complete", "id": "1"}, {"type": "pong"}, {"type": "pong", "payload": None}, []], 4400),
        ):
            async with connect(address, subprotocols=[SUBPROTOCOL]) as client:
                for frame in frames:
                    await send(client, frame)
                assert await code(client) == expected, frames
        async with connect(
            address, subprotocols=[SUBPROTOCOL], additional_headers={"Authorization": f"Bearer {token}"}
        ) as client:
            await send(client, {**INIT, "payload": None})
            assert (await hear(client))["type"] == "connection_ack"
        async with connect(address) as client:
            assert await code(client) == 4406


def closed_on(address: str, text: bytes | Iterator[bytes]) -> int:
    """The code with which a text that is none is answered."""
    with sync.connect(address, subprotocols=[SUBPROTOCOL]) as client, suppress(ConnectionClosed):
        client.send(text, text=True)
        client.recv(timeout=PATIENCE_SECONDS)
    return coded(client)


async def test_what_is_no_websocket_text_is_closed_with_its_code_though_more_is_coming(served: Served) -> None:
    async with listening(served) as address:
        for data, expected in ((b'{"type": "ping", "x": "\xff"}', 1007), (b"x" * 5_000_000, 1009)):
            assert await asyncio.to_thread(closed_on, address, data) == expected
            pieces = (data[start : start + 65_536] for start in range(0, len(data), 65_536))
            assert await asyncio.to_thread(closed_on, address, pieces) == expected


async def test_a_flaw_in_a_document_ends_its_own_operation_only(served: Served) -> None:
    token = str((await served.as_("alice")).token)
    async with listening(served) as address, opened(address, token) as client:
        flawed = (
            "{ me {",
            "",
            "{ nothing }",
            "fragment F on User { id }",
        )
        for number, query in enumerate(flawed):
            await send(client, subscribe({"query": query}, f"{number}"))
            answer = await hear(client)
            assert (answer["type"], answer["id"]) == ("error", f"{number}"), query
            assert answer["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        await send(client, subscribe(ME, "0"))
        assert (await hear(client))["payload"] == {"data": {"me": {"displayName": "Alice"}}}
        assert await hear(client) == {"type": "complete", "id": "0"}


async def test_an_operation_of_which_nobody_can_tell_whether_it_may_be_is_refused(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = str((await served.as_("alice")).token)
    async with listening(served) as address, opened(address, token) as client:
        with monkeypatch.context() as away:
            away.setattr(PermissionStore, "access", AsyncMock(side_effect=AutoReconnect("away")))
            for query in ("{ me { id } }", "subscription { sessionEvents { at } }"):
                await send(client, subscribe({"query": query}))
                refused = await hear(client)
                errors = refused["payload"] if refused["type"] == "error" else refused["payload"]["errors"]
                assert errors[0]["extensions"]["code"] == "UNAVAILABLE"
                if refused["type"] == "next":
                    assert await hear(client) == {"type": "complete", "id": "1"}
        await send(client, subscribe())
        assert (await hear(client))["payload"] == {"data": {"me": {"displayName": "Alice"}}}


async def test_a_client_holds_open_no_more_than_the_settings_let_it(served: Served) -> None:
    token = str((await served.as_("alice")).token)
    events = {"query": "subscription { sessionEvents { at } }"}
    connections = served.app.state.connections
    connections.limits = ConnectionLimits(operations=2, per_user=1)
    async with listening(served) as address:
        async with opened(address, token) as client:
            for name in "123":
                await send(client, subscribe(events, name))
            refused = await hear(client)
            assert (refused["type"], refused["id"]) == ("error", "3")
            assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
            await send(client, {"type": "complete", "id": "1"})
            await send(client, subscribe(ME, "4"))
            assert (await hear(client))["payload"]["data"], "one ended, so another may begin"
            async with greeted(address, token) as second:
                assert await code(second) == 1013
        async with opened(address, token) as client:
            await send(client, {"type": "ping"})
            assert await hear(client) == {"type": "pong"}


async def test_a_socket_whose_client_does_not_say_who_it_is_is_closed(served: Served) -> None:
    served.app.state.connections.limits = ConnectionLimits(init_seconds=0.01)
    async with listening(served) as address, connect(address, subprotocols=[SUBPROTOCOL]) as client:
        assert await code(client) == 4408
