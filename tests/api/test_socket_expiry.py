"""A socket does not outlive the token that it was opened with."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.settings import Settings
from api.worker import configure
from permissions.authn.principal import Client, Principal, new_id
from permissions.authn.records import Session
from permissions.authn.refresh import digest
from permissions.authn.tokens import Tokens
from tests.served import Served


@asynccontextmanager
async def listening(served: Served) -> AsyncIterator[str]:
    """The server on a port, in this process, so that its tokens may be as short as we like."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = configure(served.app, Settings(_env_file=None))
    config.lifespan = "off"
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/graphql"
    finally:
        server.should_exit = True
        await task
        listener.close()


@asynccontextmanager
async def greeted(address: str, token: str) -> AsyncIterator[ClientConnection]:
    """A socket whose first message is on its way."""
    async with connect(address, subprotocols=["graphql-transport-ws"]) as client:  # type: ignore[list-item]
        proof = {"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}
        await client.send(json.dumps(proof))
        yield client


@asynccontextmanager
async def opened(address: str, token: str) -> AsyncIterator[ClientConnection]:
    """A socket that was let in."""
    async with greeted(address, token) as client:
        assert json.loads(await client.recv())["type"] == "connection_ack"
        yield client


async def session_of(served: Served) -> Session:
    """One of Alice's."""
    accounts = served.services.authentication.accounts
    principal = Principal(served.people["alice"].id, new_id())
    refresh = digest(accounts.refresh_tokens.issue(principal))
    return await accounts.sessions.open(principal, refresh, "test", Client())


def short_token(served: Served, session: Session, seconds: int) -> str:
    tokens = Tokens(served.services.authentication.keys, issuer="parley", audience="parley", lifetime=seconds)
    return tokens.issue(session)


async def closing_of(client: ClientConnection) -> tuple[int, str]:
    """Code and reason with which the server closes it, and no message before."""
    with pytest.raises(ConnectionClosed) as closed:
        await asyncio.wait_for(client.recv(), 10)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


async def test_a_socket_is_closed_when_its_token_expires_and_not_before(served: Served) -> None:
    accounts, session = served.services.authentication.accounts, await session_of(served)
    short = short_token(served, session, 2)
    expires = (await accounts.tokens.verify(short)).expires_at
    async with listening(served) as address:
        async with opened(address, short) as client:
            await client.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": EVENTS}}))
            assert await closing_of(client) == (4401, "token has expired")
            assert 0 <= time.time() - expires < 5
        async with greeted(address, short) as client:
            assert await closing_of(client) == (4401, "token has expired")
        async with opened(address, accounts.tokens.issue(session)) as again:
            await again.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": "{ me { id } }"}}))
            assert json.loads(await again.recv())["payload"]["data"]["me"]


async def test_a_socket_with_a_token_that_was_taken_back_is_told_why_and_nothing_else(served: Served) -> None:
    accounts, session = served.services.authentication.accounts, await session_of(served)
    token = accounts.tokens.issue(session)
    async with listening(served) as address:
        async with greeted(address, token) as client:
            assert json.loads(await client.recv())["type"] == "connection_ack"
        await accounts.endings.one(session.principal, "ended_by_admin")
        async with greeted(address, token) as client:
            query = {"id": "1", "type": "subscribe", "payload": {"query": "{ me { id } }"}}
            await client.send(json.dumps(query))
            assert await closing_of(client) == (4403, "ended_by_admin")


EVENTS = "subscription { sessionEvents { at } }"


async def renewed(client: ClientConnection, token: str) -> dict[str, Any]:
    """What is answered to a newer token."""
    await client.send(json.dumps({"type": "ping", "payload": {"authorization": f"Bearer {token}"}}))
    answer = json.loads(await client.recv())
    assert answer["type"] == "pong"
    return dict(answer["payload"])


async def test_a_socket_lives_on_with_a_newer_token_and_ends_with_that_one(served: Served) -> None:
    accounts, session = served.services.authentication.accounts, await session_of(served)
    alice = await served.as_("alice")
    conversation = (await alice.ask(START)).data["startConversation"]["conversation"]["id"]
    async with listening(served) as address:
        short = short_token(served, session, 2)
        async with opened(address, short) as client, opened(address, short) as other:
            query = {"query": FOLLOW, "variables": {"id": conversation}}
            await client.send(json.dumps({"id": "1", "type": "subscribe", "payload": query}))
            assert 890 <= (await renewed(client, accounts.tokens.issue(session)))["expiresIn"] <= 900
            assert (await renewed(client, short_token(served, session, 4)))["renewed"], "a shorter one, too"
            assert await closing_of(other) == (4401, "token has expired")
            await alice.ask(APPEND, input={"conversationId": conversation, "content": "still there?"})
            news = json.loads(await client.recv())["payload"]["data"]["conversationEvents"]
            assert news["message"]["content"] == "still there?"
            assert await closing_of(client) == (4401, "token has expired")
        async with opened(address, accounts.tokens.issue(session)) as client:
            await client.send(json.dumps({"type": "ping", "payload": {"authorization": f"Bearer {short}"}}))
            assert await closing_of(client) == (4401, "token has expired")


async def test_a_socket_goes_on_with_nobody_elses_token_and_no_bad_one(served: Served) -> None:
    accounts, session = served.services.authentication.accounts, await session_of(served)
    token, ended = accounts.tokens.issue(session), await session_of(served)
    over = accounts.tokens.issue(ended)
    await accounts.endings.one(ended.principal, "ended_by_admin")
    async with listening(served) as address:
        for other, expected in (
            (str((await served.as_("bob")).token), (4403, "another_account")),
            ("nonsense", (4403, "Forbidden")),
            ("", (4403, "Forbidden")),
            (over, (4403, "ended_by_admin")),
        ):
            async with opened(address, token) as client:
                await client.send(json.dumps({"type": "ping", "payload": {"authorization": f"Bearer {other}"}}))
                assert await closing_of(client) == expected


START = "mutation { startConversation(input: {}) { conversation { id } } }"
APPEND = "mutation ($input: AppendMessageInput!) { appendMessage(input: $input) { message { id } } }"
FOLLOW = """subscription ($id: ID!) { conversationEvents(conversationId: $id) {
  ... on MessageAdded { message { content } } } }"""
