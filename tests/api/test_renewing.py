"""A newer token for a socket's subscriptions, which share answers with others: they go on, by what it says."""

import json
from contextlib import AsyncExitStack
from typing import Any, Final

from models.policy import Policy
from models.role import GrantEffect
from permissions.authn.principal import Client, Principal, new_id
from permissions.authn.records import Session
from permissions.authn.refresh import digest
from permissions.changes import SYSTEM
from tests.api.test_many_on_a_socket import hear, joined
from tests.api.test_socket_expiry import closing_of, listening, opened
from tests.resolvers.chat.documents import append, start
from tests.served import Served

FOLLOW: Final = """subscription ($id: ID!) { conversationEvents(conversationId: $id) {
  cursor ... on MessageAdded { message { content metadata { llmModel } } } } }"""
KIOSK: Final = 'has(env.device) && env.device == "kiosk"'


async def test_a_newer_token_leaves_a_member_among_those_who_share_or_moves_him_by_what_it_says(
    served: Served, rendered: list[str]
) -> None:
    alice, tokens = await served.as_("alice"), served.services.authentication.accounts.tokens
    conversation = await start(alice)
    denial = Policy(id="kiosks", effect=GrantEffect.DENY, actions=["message:read_metadata"], when=KIOSK)
    await served.services.changes.put_policy(denial, SYSTEM)
    at_desk, at_kiosk = [await session_at(served, device) for device in ("desk", "kiosk")]
    async with AsyncExitStack() as held:
        address = await held.enter_async_context(listening(served))
        clients = [await held.enter_async_context(opened(address, tokens.issue(at_desk))) for _ in range(2)]
        for client in clients:
            payload = {"query": FOLLOW, "variables": {"id": conversation}}
            await client.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
            await joined(served, client, conversation, ["1"])

        async def told(content: str) -> list[Any]:
            await append(alice, conversation, content, metadata={"llmModel": content})
            return [await _until(client, content) for client in clients]

        first = clients[0]
        await renew(first, tokens.issue(at_desk))
        one, two = await told("shared")
        assert one == two
        assert rendered.count(one["cursor"]) == 1, "he shares as before"

        await renew(first, tokens.issue(at_kiosk))
        one, two = await told("parted")
        assert one["message"] == {"content": "parted", "metadata": None}
        assert two["message"]["metadata"] == {"llmModel": "parted"}

        await served.services.authentication.accounts.endings.one(at_kiosk.principal, "session_ended")
        assert await closing_of(first) == (4403, "session_ended"), "he ends with the newer one"
        clients.remove(first)
        (two,) = await told("left")
        assert two["message"]["content"] == "left"


async def session_at(served: Served, device: str) -> Session:
    accounts, principal = served.services.authentication.accounts, Principal(served.people["alice"].id, new_id())
    return await accounts.sessions.open(principal, digest(accounts.refresh_tokens.issue(principal)), device, Client())


async def renew(client: Any, token: str) -> None:
    await client.send(json.dumps({"type": "ping", "payload": {"authorization": f"Bearer {token}"}}))
    while (answer := await hear(client))["type"] != "pong":
        pass
    assert answer["payload"]["renewed"]


async def _until(client: Any, content: str) -> Any:
    while True:
        event = (await hear(client))["payload"]["data"]["conversationEvents"]
        if event.get("message", {}).get("content") == content:
            return event
