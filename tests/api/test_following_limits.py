"""Who may do nothing yet, or sends too much, is told so where he comes to follow: he takes nobody's turn or time."""

import asyncio
import json
from typing import Any, Final

import pytest
from websockets.asyncio.client import ClientConnection

from api.documents.limits import DEFAULT_LIMITS
from api.fanout.admission import Admission
from tests.api.rates.test_served import limit, used_up
from tests.api.test_socket_expiry import listening, opened
from tests.resolvers.chat.documents import start
from tests.served import Served

FOLLOW: Final = "subscription ($id: ID!) { conversationEvents(conversationId: $id) { cursor } }"


async def told(client: ClientConnection, variables: dict[str, Any]) -> str:
    """What comes back first, if anything does."""
    await client.send(
        json.dumps({"id": "1", "type": "subscribe", "payload": {"query": FOLLOW, "variables": variables}})
    )
    return str(await asyncio.wait_for(client.recv(), 10))


async def test_who_may_do_nothing_yet_does_not_wait_among_those_who_come_to_follow(served: Served) -> None:
    app: Any = served.app
    alice = await served.as_("alice")
    conversation = await start(alice)
    async with listening(served) as address:
        limit(served)
        async with opened(address, str(alice.token)) as client:
            await used_up(alice)
            app.front._endpoint.rooms.admission = Admission(0)  # nobody comes in
            assert "RATE_LIMITED" in await told(client, {"id": conversation})


MUCH: Final = pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"more": [0] * DEFAULT_LIMITS.variable_values}, "variables may hold so many values"),
        (dict.fromkeys(map(str, range(DEFAULT_LIMITS.variables)), 0), "an operation may be sent so many variables"),
    ],
)


@MUCH
async def test_variables_are_limited_to_follow_a_conversation_too(
    served: Served, more: dict[str, Any], said: str
) -> None:
    alice = await served.as_("alice")
    conversation = await start(alice)
    async with listening(served) as address, opened(address, str(alice.token)) as client:
        assert said in await told(client, {"id": conversation, **more})


@MUCH
async def test_so_they_are_of_an_event_stream(served: Served, more: dict[str, Any], said: str) -> None:
    alice = await served.as_("alice")
    body = {"query": FOLLOW, "variables": {"id": await start(alice), **more}}
    headers = {"Authorization": f"Bearer {alice.token}", "Accept": "text/event-stream"}
    answer = await asyncio.wait_for(served.http.post("/graphql", json=body, headers=headers), 10)
    assert said in answer.text
