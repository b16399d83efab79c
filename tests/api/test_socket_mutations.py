"""What was begun over a socket is done to its end: whoever breaks off can't keep it out of the log, or uncounted."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from websockets.asyncio.client import ClientConnection, connect

from models.database import Database
from permissions.authn.passwords import Passwords
from permissions.authn.revocation.ledger import Ledger
from permissions.authn.revocation.mirror import Mirror
from resolvers.ids import encode
from tests.api.test_socket_expiry import closing_of, listening, opened
from tests.permissions.audit.checked import stored
from tests.permissions.authn.revocation.workers import eventually
from tests.served import Served

REVOKE = 'mutation { revokeTokens(input: {everyone: true, reason: "breach"}) { applied } }'
RESET = 'mutation { resetPassword(input: {userId: "%s"}) { applied } }'
GUESS = 'mutation { login(input: {email: "bob@demo.example", password: "a guess of somebody"}) { expiresIn } }'


async def begin(client: ClientConnection, query: str, name: str = "1") -> None:
    await client.send(json.dumps({"id": name, "type": "subscribe", "payload": {"query": query}}))


async def token_of(served: Served, name: str) -> str:
    return str((await served.as_(name)).token)


def under_way(passwords: Passwords, number: int) -> bool:
    return passwords._inside >= number


@contextmanager
def held(passwords: Passwords) -> Iterator[None]:
    """No password is checked within the block: whoever has one checked waits."""
    end = threading.Event()
    for _ in range(passwords._hashers):
        passwords._pool.submit(end.wait)
    try:
        yield
    finally:
        end.set()


async def kinds(database: Database) -> list[str]:
    return [each.kind for each in await stored(database)]


@pytest.fixture
async def stuck(served: Served) -> AsyncIterator[None]:
    """Another worker that confirms nothing: who revokes waits for it."""
    mirror = Mirror(Ledger(served.services.redis))
    await mirror.load()
    yield
    await mirror.leave()


async def test_who_ends_his_own_session_over_its_socket_is_written_down(
    served: Served, database: Database, stuck: None
) -> None:
    token = await token_of(served, "admin")
    async with listening(served) as address, opened(address, token) as client:
        await begin(client, REVOKE)
        assert await closing_of(client) == (4403, "breach")
    assert "tokens.revoked" in await kinds(database)


async def test_who_breaks_off_is_written_down(served: Served, database: Database, stuck: None) -> None:
    token, alice = await token_of(served, "admin"), await served.as_("alice")
    assert alice.user is not None
    async with listening(served) as address, opened(address, token) as client:
        await begin(client, RESET % encode("User", alice.user.id))
        mirror = served.services.authentication.accounts.gate.mirror
        await eventually(lambda: len(mirror.index))
        await client.send(json.dumps({"id": "1", "type": "complete"}))
    assert "account.password_reset" in await kinds(database)


async def test_guesses_that_are_broken_off_count(served: Served) -> None:
    token, passwords = await token_of(served, "alice"), served.services.authentication.accounts.passwords
    async with listening(served) as address, opened(address, token) as client, asyncio.timeout(60):
        with held(passwords):
            for each in range(10):
                await begin(client, GUESS, str(each))
                await eventually(partial(under_way, passwords, each + 1))
                await client.send(json.dumps({"id": str(each), "type": "complete"}))
        answered = 0
        while answered < 10:
            answered += json.loads(await client.recv())["type"] == "next"
        await begin(client, GUESS, "one more")
        message = json.loads(await client.recv())
        while message["id"] != "one more":
            message = json.loads(await client.recv())
    refused = message["payload"]["errors"][0]["extensions"]
    assert refused["code"] == "RATE_LIMITED"
    assert refused["retryAfter"] > 60, "by the account's counter, not by the queue"


async def test_a_worker_that_stops_answers_what_it_is_changing_then_sends_its_sockets_elsewhere(served: Served) -> None:
    token, passwords = await token_of(served, "alice"), served.services.authentication.accounts.passwords
    async with listening(served) as address, asyncio.timeout(60):
        async with opened(address, token) as busy, opened(address, token) as idle:
            await begin(idle, "subscription { sessionEvents { at } }")
            with held(passwords):
                await begin(busy, GUESS)
                await eventually(partial(under_way, passwords, 1))
                draining = asyncio.create_task(served.app.state.connections.drain(50))
                assert (await closing_of(idle))[0] == 1012
                await begin(busy, "{ me { id } }", "not begun any more")
            answer = json.loads(await busy.recv())
            assert (answer["id"], answer["payload"]["errors"][0]["extensions"]["code"]) == ("1", "UNAUTHENTICATED")
            assert json.loads(await busy.recv()) == {"id": "1", "type": "complete"}
            assert (await closing_of(busy))[0] == 1012
            await draining
        async with connect(address, subprotocols=["graphql-transport-ws"]) as late:  # type: ignore[list-item]
            assert (await closing_of(late))[0] == 1012
