"""Event streams share answers with sockets, and end as those do whose streams are their own."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from api.fanout import Rooms
from resolvers.chat.events import channel
from resolvers.ids import encode, object_id
from tests.api.test_event_streams import streaming
from tests.api.test_many_on_a_socket import FOLLOW, joined, subscribe
from tests.api.test_socket_expiry import listening, opened
from tests.resolvers.chat.documents import append, start
from tests.served import Served

SHARE = "mutation ($input: ShareConversationInput!) { shareConversation(input: $input) { conversation { id } } }"
REVOKED = FOLLOW.replace("cursor", "cursor ... on AccessRevoked { reason decisionId }")


async def test_an_event_is_rendered_once_for_streams_and_sockets(served: Served, rendered: list[str]) -> None:
    alice = await served.as_("alice")
    conversation = await start(alice)
    async with AsyncExitStack() as held:
        address = await held.enter_async_context(listening(served))
        follow = (address, alice.token, FOLLOW)
        streams = [await held.enter_async_context(streaming(*follow, id=conversation)) for _ in range(3)]
        for stream in streams:
            await come(served, stream, conversation)
        client = await held.enter_async_context(opened(address, str(alice.token)))
        await subscribe(client, "1", conversation)
        await joined(served, client, conversation, ["1"])
        said = await append(alice, conversation, "once")
        told = [await until(stream, "once") for stream in streams]
    assert said
    assert told[0] == told[1] == told[2]
    assert rendered.count(told[0]["cursor"]) == 1


async def test_a_stream_whose_right_is_lost_says_so_and_is_complete(served: Served) -> None:
    alice, guest = await served.as_("alice"), await served.as_("guest")
    conversation = await start(alice)
    share = {"conversationId": conversation, "userId": encode("User", served.people["guest"].id)}
    (await alice.ask(SHARE, input=share)).data  # noqa: B018
    before = await served.services.broker.publish(channel(object_id(conversation, "Conversation")), b"{}")
    resumed = REVOKED.replace("$id: ID!", "$id: ID!, $after: String").replace("Id: $id)", "Id: $id, after: $after)")
    async with listening(served) as address:
        async with streaming(address, guest.token, resumed, id=conversation, after=before) as stream:
            await append(alice, conversation, "for all")
            assert (await until(stream, "for all"))["message"]
            (await alice.ask(SHARE, input=share | {"access": "NONE"})).data  # noqa: B018
            last = ("", None)
            while (event := await stream.event())[0] == "next":
                last = event[1]["data"]["conversationEvents"]
            assert event == ("complete", None)
            assert {"cursor", "reason", "decisionId"} <= set(last)
        async with streaming(address, guest.token, resumed, id=conversation, after=None) as stream:
            assert (await stream.event())[1]["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_whom_the_fan_out_fails_has_a_stream_of_his_own(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(Rooms, "enter", fails)
    alice = await served.as_("alice")
    conversation = await start(alice)
    async with listening(served) as address, streaming(address, alice.token, FOLLOW, id=conversation) as stream:
        await come(served, stream, conversation)
        await append(alice, conversation, "by himself")
        assert await until(stream, "by himself")


async def come(served: Served, stream: Any, conversation: str) -> None:
    """Have something said until it has told of it."""
    first = asyncio.ensure_future(stream.event())
    while not first.done():
        await served.services.broker.publish(channel(object_id(conversation, "Conversation")), b"{}")
        await asyncio.wait({first}, timeout=0.1)
    assert first.result()[0] == "next"


async def until(stream: Any, content: str) -> Any:
    """The event that adds it."""
    while True:
        event = (await stream.event())[1]["data"]["conversationEvents"]
        if event.get("message", {}).get("content") == content:
            return event
