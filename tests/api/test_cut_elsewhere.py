"""What ends a proof of who one is on one worker ends both transports on another."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from api.app import create_app
from models.embedded import EmbeddedStores
from permissions.audit.events import SYSTEM as NOBODY
from permissions.authn.revocation.criteria import Criteria
from permissions.authn.tokens import AccessToken
from permissions.changes import SYSTEM
from tests.api.test_event_streams import Reader, streaming
from tests.api.test_socket_expiry import listening, opened
from tests.served import Caller, Served, schema, settings_on

NEWS = "subscription ($id: ID!) { conversationEvents(conversationId: $id) { __typename } }"
START = "mutation { startConversation(input: {}) { conversation { id } } }"


@asynccontextmanager
async def another(served: Served, stores: EmbeddedStores) -> AsyncIterator[str]:
    """A second worker's address."""
    settings = settings_on(
        stores,
        served.services.database.db.name,
        search_seconds=0,
        usage_seconds=0,
        interrupt_seconds=0,
    )
    app = create_app(settings, schema())
    async with app.router.lifespan_context(app), listening(replace(served, app=app)) as address:
        yield address


End = Callable[[Served, AccessToken], Awaitable[object]]


async def session_ended(served: Served, token: AccessToken) -> None:
    await served.services.authentication.accounts.endings.one(token.principal, "session_ended")


async def account_disabled(served: Served, token: AccessToken) -> None:
    endings = served.services.authentication.accounts.endings
    await served.services.changes.set_disabled(token.principal.user_id, True, SYSTEM)
    await endings.all(token.principal.user_id, "account_disabled", lasting=True)


async def token_revoked(served: Served, token: AccessToken) -> None:
    await served.services.revocation.revoke(Criteria(jti=token.jti), "revoked", NOBODY)


async def key_revoked(served: Served, _: AccessToken) -> None:
    await served.services.rotation.rotate(NOBODY, revoke_now=True)


ENDS: dict[str, End] = {"bob": session_ended, "sara": account_disabled, "alice": token_revoked, "admin": key_revoked}


async def closed(client: ClientConnection) -> int | None:
    """The code with which it is; before that nothing comes, but that access is lost, or was before it began."""
    with suppress(ConnectionClosed):
        while True:
            message = json.loads(await client.recv())
            if message["type"] == "error":
                assert message["payload"][0]["extensions"]["code"] in ("UNAUTHENTICATED", "TOKEN_REVOKED")
            elif message["type"] == "next":
                assert typename(message["payload"]) == "AccessRevoked"
            else:
                assert message["type"] == "complete"
    return client.close_code


async def over(reader: Reader) -> str:
    """What its last event tells: the code of an error, or that access is lost, which ends it, too."""
    last = ""
    while (event := await reader.event())[0] == "next":
        errors = event[1].get("errors")
        last = errors[0]["extensions"]["code"] if errors else typename(event[1])
        assert last in ("AccessRevoked", "TOKEN_REVOKED")
    assert event == ("complete", None)
    return last


def typename(payload: dict[str, Any]) -> str:
    told: str = payload["data"]["conversationEvents"]["__typename"]
    return told


async def test_sockets_and_streams_of_another_worker_end_with_what_proved_them(
    served: Served, stores: EmbeddedStores
) -> None:
    async with asyncio.timeout(60), another(served, stores) as address:
        for name, end in ENDS.items():
            caller: Caller = await served.as_(name)
            token = str(caller.token)
            known = await served.services.authentication.accounts.tokens.verify(token)
            conversation = (await caller.ask(START)).data["startConversation"]["conversation"]["id"]
            async with AsyncExitStack() as stack:
                client = await stack.enter_async_context(opened(address, token))
                reader = await stack.enter_async_context(streaming(address, token, NEWS, id=conversation))
                query = {"query": NEWS, "variables": {"id": conversation}}
                await client.send(json.dumps({"id": "1", "type": "subscribe", "payload": query}))
                await end(served, known)
                assert await closed(client) == 4403, name
                # Of an account that is closed its rights may be gone before its sessions are.
                assert await over(reader) == "TOKEN_REVOKED" or name == "sara"
                # Either is followed by `complete`, after which no client comes back; if one does, it is told, too.
                async with streaming(address, token, NEWS, id=conversation) as again:
                    assert await over(again) == "TOKEN_REVOKED", name
