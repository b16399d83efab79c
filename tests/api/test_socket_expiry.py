"""A socket does not outlive the token that it was opened with."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from permissions.authn.principal import Client, Principal, new_id
from permissions.authn.refresh import digest
from permissions.authn.tokens import Tokens
from tests.served import Served


@asynccontextmanager
async def listening(served: Served) -> AsyncIterator[str]:
    """The server on a port, in this process, so that its tokens may be as short as we like."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(served.app, ws="websockets-sansio", lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    yield f"ws://127.0.0.1:{listener.getsockname()[1]}/graphql"
    server.should_exit = True
    await task
    listener.close()


@asynccontextmanager
async def opened(address: str, token: str) -> AsyncIterator[ClientConnection]:
    async with connect(address, subprotocols=["graphql-transport-ws"]) as client:  # type: ignore[list-item]
        proof = {"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}
        await client.send(json.dumps(proof))
        assert json.loads(await client.recv())["type"] == "connection_ack"
        yield client


async def test_a_socket_is_closed_when_its_token_expires_and_not_before(served: Served) -> None:
    authentication = served.services.authentication
    accounts, user = authentication.accounts, served.people["alice"]
    principal = Principal(user.id, new_id())
    refresh = digest(accounts.refresh_tokens.issue(principal))
    session = await accounts.sessions.open(principal, refresh, "test", Client())
    short = Tokens(authentication.keys, issuer="parley", audience="parley", lifetime=2).issue(session)
    expires = (await accounts.tokens.verify(short)).expires_at
    async with listening(served) as address, opened(address, short) as client:
        await client.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": EVENTS}}))
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(client.recv(), 10)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4401, "token has expired")
        assert 0 <= time.time() - expires < 5
        async with opened(address, accounts.tokens.issue(session)) as again:
            await again.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": "{ me { id } }"}}))
            assert json.loads(await again.recv())["payload"]["data"]["me"]


EVENTS = "subscription { sessionEvents { at } }"
