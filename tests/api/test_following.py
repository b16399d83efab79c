"""What goes wrong while somebody comes to follow a conversation is told to him, and to the log: it isn't silence."""

import json
from typing import Any

import pytest
import structlog

from api.fanout import Renderer, Rooms
from resolvers.chat.events import channel
from resolvers.context import Context
from resolvers.ids import object_id
from tests.api.test_many_on_a_socket import FOLLOW, hear, joined, subscribe
from tests.api.test_socket_expiry import listening, opened
from tests.resolvers.chat.documents import start
from tests.served import Served

RESUME = FOLLOW.replace("$id: ID!", "$id: ID!, $after: String").replace("Id: $id)", "Id: $id, after: $after)")


async def test_whom_the_fan_out_fails_is_told_by_himself_and_the_log_says_so(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise RuntimeError("broken")

    alice = await served.as_("alice")
    conversation = await start(alice)
    monkeypatch.setattr(Rooms, "enter", fails)
    async with listening(served) as address, opened(address, str(alice.token)) as client:
        with structlog.testing.capture_logs() as lines:
            await subscribe(client, "1", conversation)
            await joined(served, client, conversation, ["1"])
    assert [line["kind"] for line in lines if "can't be followed" in line["event"]] == ["RuntimeError"]


async def test_who_fails_in_the_middle_of_what_he_missed_is_told_so_and_nothing_twice(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await served.as_("alice")
    conversation = await start(alice)
    name = channel(object_id(conversation, "Conversation"))
    first, *missed = [await served.services.broker.publish(name, b"{}") for _ in range(4)]
    rendered, render = list[str](), Renderer.render

    async def once(self: Renderer, context: Context, question: Any, event: Any, *fellows: Any) -> bytes:
        rendered.append(event.cursor)
        if len(rendered) == 3:
            raise RuntimeError("broken")
        return await render(self, context, question, event, *fellows)

    monkeypatch.setattr(Renderer, "render", once)
    async with listening(served) as address, opened(address, str(alice.token)) as client:
        payload = {"query": RESUME, "variables": {"id": conversation, "after": first}}
        await client.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        told = [await hear(client) for _ in range(4)]
        await subscribe(client, "1", conversation)  # its id is free again
        await joined(served, client, conversation, ["1"])
    assert [each["payload"]["data"]["conversationEvents"]["cursor"] for each in told[:2]] == missed[:2]
    assert told[2]["payload"]["data"] is None
    assert told[2]["payload"]["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "broken" not in str(told)
    assert told[3] == {"id": "1", "type": "complete"}
