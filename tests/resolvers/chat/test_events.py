"""News of messages: told once, though their writers die."""

import asyncio

import orjson

from models.bucket import MessageRole
from models.conversation import Conversation
from models.tree import Draft
from resolvers.chat.events import channel
from resolvers.ids import object_id
from resolvers.live import Event
from tests.api.clients import APPEND, START
from tests.served import Served


async def test_a_message_whose_writer_died_before_it_told_is_told_by_the_retry_and_once(served: Served) -> None:
    alice = await served.as_("alice")
    conversation_id = (await alice.ask(START)).data["startConversation"]["conversation"]["id"]
    stored_id = object_id(conversation_id, "Conversation", "id")
    conversation = await Conversation.get(stored_id)
    assert conversation
    assert alice.user
    lost = Draft(MessageRole.USER, "hello", author_id=alice.user.id, idempotency_key="key")
    address = (await served.services.tree.append_at_end(conversation, "main", lost)).address

    sent = {"conversationId": conversation_id, "content": "hello", "idempotencyKey": "key"}
    broker = served.services.broker
    async with broker.subscribe(channel(stored_id)) as news, asyncio.timeout(10):
        for _ in range(3):
            assert (await alice.ask(APPEND, input=sent)).data
        await broker.publish(channel(stored_id), b"end")
        told = [item.payload if isinstance(item, Event) else item for item in (await anext(news), await anext(news))]
        assert told == [orjson.dumps({"message": str(address)}), b"end"]
