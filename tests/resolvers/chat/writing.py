"""Writing a message in pieces, and following how it grows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any, cast

from permissions.authn.cutoff import Cutoff
from permissions.authn.principal import Principal, new_id
from resolvers.chat.events import channel
from resolvers.ids import object_id
from tests.resolvers.admin.test_audit import context
from tests.served import Answer, Caller, Served, schema

MESSAGE = "message { id content contentLength status depth siblingCount editedFrom { id } metadata { llmModel extra } }"
BEGIN = f"mutation ($input: BeginMessageInput!) {{ beginMessage(input: $input) {{ {MESSAGE} }} }}"
STREAM = "mutation ($input: StreamMessageInput!) { streamMessage(input: $input) { messageId offset } }"
FINISH = f"mutation ($input: FinishMessageInput!) {{ finishMessage(input: $input) {{ {MESSAGE} }} }}"
NODE = "query ($id: ID!) { node(id: $id) { ... on Message { content status contentLength } } }"
EVENTS = """subscription ($id: ID!, $after: String) { conversationEvents(conversationId: $id, after: $after) {
  __typename cursor
  ... on MessageAdded { message { id content contentLength } }
  ... on MessageDelta { messageId offset text }
  ... on MessageChanged { message { id content status } }
  ... on MessageDeleted { messageId }
} }"""


async def begin(caller: Caller, conversation: str, **more: Any) -> dict[str, Any]:
    answer = await caller.ask(BEGIN, input={"conversationId": conversation, **more})
    message: dict[str, Any] = answer.data["beginMessage"]["message"]
    return message


async def stream(caller: Caller, message: dict[str, Any], offset: int, text: str) -> Answer:
    return await caller.ask(STREAM, input={"messageId": message["id"], "offset": offset, "text": text})


async def finish(caller: Caller, message: dict[str, Any], offset: int, **more: Any) -> Answer:
    return await caller.ask(FINISH, input={"messageId": message["id"], "offset": offset, **more})


async def read(caller: Caller, message: dict[str, Any]) -> Any:
    return (await caller.ask(NODE, id=message["id"])).data["node"]


def went_on(answer: Answer) -> int:
    offset: int = answer.data["streamMessage"]["offset"]
    return offset


def refused(answer: Answer) -> tuple[str, int | None]:
    (error,) = answer.body["errors"]
    return error["extensions"]["code"], error["extensions"].get("offset")


@asynccontextmanager
async def following(served: Served, name: str, conversation: str, after: str | None = None) -> AsyncIterator[Any]:
    """What somebody is told of a conversation."""
    access = await served.services.permissions.access(Principal(served.people[name].id, new_id()))
    on_socket = replace(context(served, name, access), socket=True, cutoff=Cutoff())
    variables = {"id": conversation, "after": after}
    stream = cast(Any, await schema().subscribe(EVENTS, variables, context_value=on_socket))
    async with asyncio.timeout(60), aclosing(stream):

        async def events() -> AsyncIterator[dict[str, Any]]:
            async for result in stream:
                assert not result.errors, result.errors
                yield result.data["conversationEvents"]

        told = events()
        first = asyncio.ensure_future(anext(told))
        while after is None and not first.done():  # until it listens
            await served.services.broker.publish(channel(object_id(conversation, "Conversation")), b"{}")
            await asyncio.wait({first}, timeout=0.05)

        async def onwards() -> AsyncIterator[dict[str, Any]]:
            for event in [await first]:
                if event["__typename"] != "ConversationChanged":
                    yield event
            async for event in told:
                if event["__typename"] != "ConversationChanged":
                    yield event

        yield onwards()
        first.cancel()


async def until_end(events: AsyncIterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """All that is told until a message is changed."""
    found = []
    async for event in events:
        found.append(event)
        if event["__typename"] == "MessageChanged":
            break
    return found


def put_together(events: list[dict[str, Any]]) -> str:
    """What a client has that puts each piece at its offset, and finds neither a gap nor anything twice."""
    text = b""
    for event in events:
        if event["__typename"] == "MessageAdded":
            text = event["message"]["content"].encode()
        if event["__typename"] == "MessageDelta":
            assert event["offset"] == len(text)
            text += event["text"].encode()
    return text.decode()
