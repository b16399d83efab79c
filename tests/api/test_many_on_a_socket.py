"""As many subscriptions on one socket as it may have: each is told everything, under its own id."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from api.connections import ConnectionLimits
from resolvers.chat.events import channel
from resolvers.ids import object_id
from tests.api.test_socket_expiry import listening, opened
from tests.resolvers.chat.documents import append, start
from tests.served import Served

PATIENCE_SECONDS: Final = 60
FOLLOW: Final = """subscription ($id: ID!) { conversationEvents(conversationId: $id) {
  cursor ... on MessageAdded { message { content } } } }"""
LIMIT: Final = ConnectionLimits().operations


async def test_a_thousand_subscriptions_of_one_conversation_on_one_socket(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, other = await start(alice), await start(alice)
    ids = [f'{number} "ä\\ \U0001f600' for number in range(LIMIT - 1)]
    async with listening(served) as address, opened(address, str(alice.token)) as client:
        for id_ in ids:
            await subscribe(client, id_, conversation)
        await subscribe(client, "other", other)
        await subscribe(client, "too many", conversation)
        refused = await hear(client)
        assert (refused["id"], refused["payload"][0]["extensions"]["code"]) == ("too many", "RATE_LIMITED")
        await joined(served, client, conversation, ids)
        await joined(served, client, other, ["other"])

        left = ids[1::2]
        for id_ in left:
            await client.send(json.dumps({"type": "complete", "id": id_}))
        await subscribe(client, left[0], other)  # its id is free again
        await joined(served, client, other, ["other", left[0]])
        for text in ("first", "second"):
            await append(alice, conversation, text)
        await append(alice, other, "last")
        told = await told_until(client, {"other": "last", left[0]: "last", **dict.fromkeys(ids[::2], "second")})
        assert told.pop("other") == told.pop(left[0]) == ["last"]
        assert told == {id_: ["first", "second"] for id_ in ids[::2]}


async def test_an_id_that_is_taken_closes_the_socket_and_others_go_on(served: Served) -> None:
    alice = await served.as_("alice")
    conversation = await start(alice)
    async with (
        listening(served) as address,
        opened(address, str(alice.token)) as twice,
        opened(address, str(alice.token)) as beside,
    ):
        await subscribe(beside, "1", conversation)
        for id_ in ("1", "2"):
            await subscribe(twice, id_, conversation)
        await joined(served, twice, conversation, ["1", "2"])
        await subscribe(twice, "1", conversation)
        with pytest.raises(ConnectionClosed) as closed:
            await joined(served, twice, conversation, ["never"])
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4409, "Subscriber for 1 already exists")
        await joined(served, beside, conversation, ["1"])


async def subscribe(client: ClientConnection, id_: str, conversation: str) -> None:
    payload = {"query": FOLLOW, "variables": {"id": conversation}}
    await client.send(json.dumps({"type": "subscribe", "id": id_, "payload": payload}))


async def hear(client: ClientConnection) -> Any:
    return json.loads(await asyncio.wait_for(client.recv(), PATIENCE_SECONDS))


async def joined(served: Served, client: ClientConnection, conversation: str, ids: Sequence[str]) -> None:
    """Have something said of it until each has been told of the same, once: nobody is told when it has begun."""
    name = channel(object_id(conversation, "Conversation"))
    told: dict[str, Counter[str]] = {}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            said = await served.services.broker.publish(name, b"{}")
            told[said] = Counter()
            while told[said].keys() != set(ids):
                try:
                    message = json.loads(await asyncio.wait_for(client.recv(), 0.2))
                except TimeoutError:
                    break  # somebody has not come yet
                cursor = message["payload"]["data"]["conversationEvents"]["cursor"]
                told.setdefault(cursor, Counter())[message["id"]] += 1
            if told[said].keys() == set(ids):
                assert all(count == 1 for each in told.values() for count in each.values())
                return


async def told_until(client: ClientConnection, last: dict[str, str]) -> dict[str, list[str]]:
    """What was added, by subscription, until each has told of its last."""
    told: dict[str, list[str]] = {id_: [] for id_ in last}
    while not all(text in told[id_] for id_, text in last.items()):
        message = await hear(client)
        told[message["id"]].append(message["payload"]["data"]["conversationEvents"]["message"]["content"])
    return told
