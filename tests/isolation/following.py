"""Following all that can be subscribed to, on a socket, as the server tells it: what came, and whether it is over."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import GraphQLSchema
from websockets.asyncio.client import ClientConnection

from api.fanout.selection import SHARED
from resolvers.ids import encode
from tests.isolation.asking import Asker
from tests.isolation.documents import Place, operation, reachable
from tests.isolation.tenants import World

TOGETHER: Final = 90.0
"""Seconds in which what must come comes, on a busy machine."""
CHATS: Final = ("alice", "bob", "sara")
NOWHERE: Final = "nowhere"
"""A conversation that there never was."""
OWN: Final = {("Conversation", "deletedSubtrees")}
"""Refused to all but owners, and not null: it would take the event along."""
ALL: Final = ("root", "admin")
"""Who may read all of it: no field of it can tell them more."""
BARE: Final = {"carl": {("Conversation", "messages")}}
"""The same of single ones."""


@dataclass(eq=False)
class Stream:
    """A subscription. `chat` is the conversation that it follows, if it follows one."""

    name: str
    chat: str | None
    document: str
    given: dict[str, Any]
    came: list[str] = field(default_factory=list)
    judged: int = 0
    """So many of these were looked through."""
    error: Any = None
    over: bool = False

    @property
    def said(self) -> str:
        """All that came."""
        return "\n".join(self.came)


@dataclass(eq=False)
class Follower:
    """Somebody who follows whatever there is."""

    one: Asker
    streams: list[Stream]
    changed: asyncio.Event

    @property
    def open(self) -> list[Stream]:
        """Those that he is told of."""
        return [each for each in self.streams if not each.over]

    async def follow(self, socket: ClientConnection) -> None:
        """Until the socket is closed."""
        for number, each in enumerate(self.streams):
            payload = {"query": each.document, "variables": each.given}
            await socket.send(json.dumps({"type": "subscribe", "id": str(number), "payload": payload}))
        async for raw in socket:
            message = json.loads(raw)
            if "id" in message:
                self._note(self.streams[int(message["id"])], message)
                self.changed.set()

    def _note(self, stream: Stream, message: Any) -> None:
        match message["type"]:
            case "next" if message["payload"].get("data") is not None:
                stream.came.append(json.dumps(message["payload"]))
            case "next" | "error":
                stream.error, stream.over = message["payload"], True
            case _:
                stream.over = True

    def judge(self) -> Iterator[str]:
        """Look through what has come since the last time; those that failed while he was told of them."""
        for each in self.streams:
            for said in (*each.came[each.judged :], json.dumps(each.error)):
                self.one.told(f"{each.name} {each.chat}", said, json.dumps(each.given))
            each.judged = len(each.came)
            if each.error and each.came:
                yield f"{self.one.name} {each.name} {each.chat}: {each.error}"


def streams(world: World, graph: GraphQLSchema, who: str) -> Iterator[Stream]:
    """Each field of the schema, with all that can be reached from it; of conversations all, also as answers shared
    with others are made."""
    assert graph.subscription_type is not None
    unshown = frozenset(OWN | BARE.get(who, set()))
    for name in graph.subscription_type.fields:
        asked = operation(graph, "subscription", name, 1, unshown)
        if "conversationId" not in asked.field.args:
            yield Stream(name, None, asked.document, {})
            continue
        shared = operation(graph, "subscription", name, 1, own_answers(graph, name)).document
        for chat in (*CHATS, NOWHERE):
            given = {"conversationId": encode("Conversation", "f" * 24) if chat == NOWHERE else world.chat_id(chat)}
            yield Stream(name, chat, shared, given)
            if who not in ALL:
                yield Stream(name, chat, asked.document, given)


def own_answers(graph: GraphQLSchema, name: str) -> frozenset[Place]:
    """The fields that nobody shares an answer about."""
    assert graph.subscription_type is not None
    found = reachable(graph, graph.subscription_type.fields[name].type)
    return frozenset(place for place in found if place[1] not in SHARED.get(place[0], ()))
