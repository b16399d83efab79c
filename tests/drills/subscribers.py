"""Subscribers that lose their connection again and again, and go on after the last event that they saw."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.api.clients import Person
from tests.drills.verdicts import Seen

UNKNOWN: Final = "1-0"
"""A cursor of long ago: it is answered by `ResyncRequired`, which tells that the subscription stands."""
EVENTS: Final = """subscription ($id: ID!, $after: String) {
  conversationEvents(conversationId: $id, after: $after) {
    __typename cursor
    ... on MessageAdded { message { content } }
    ... on ResyncRequired { reason }
  }
}"""
NEWEST: Final = "query ($id: ID!) { conversation(id: $id) { messages(last: 1) { edges { node { content } } } } }"
EVENTS_TO_A_CUT: Final = 200
"""On average."""
AWAY: Final = (OSError, WebSocketException, httpx.TransportError, TimeoutError, EOFError)


@dataclass
class Subscriber(ABC):
    """Of one conversation."""

    person: Person
    conversation_id: str
    chance: random.Random
    http: httpx.AsyncClient
    seen: list[Seen] = field(default_factory=list)
    newest: int = -1
    """Message up to which it knows all, by events or by reading."""
    connections: int = 0

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                await self._follow()
            except AWAY:
                await asyncio.sleep(self.chance.uniform(0.02, 0.5))  # as clients do before they come back

    async def _follow(self) -> None:
        cut = self.chance.expovariate(1 / EVENTS_TO_A_CUT)
        self.connections += 1
        async with aclosing(self._events(self._after)) as events:
            async for event in events:
                await self._take(event)
                cut -= 1
                if cut < 0:
                    return

    @property
    def _after(self) -> str:
        return "{}-{}".format(*self.seen[-1].cursor) if self.seen else UNKNOWN

    async def _take(self, event: dict[str, Any]) -> None:
        ms, seq = event["cursor"].split("-")
        cursor = (int(ms), int(seq))
        if event["__typename"] == "ResyncRequired":
            read = await self._read()
            self.seen.append(Seen(cursor, reason=event["reason"], read=read))
            self.newest = max(self.newest, read)
            return
        assert event["__typename"] == "MessageAdded", event
        number = int(event["message"]["content"])
        self.seen.append(Seen(cursor, number))
        self.newest = max(self.newest, number)

    async def _read(self) -> int:
        """The conversation's newest message: each conversation has one branch only."""
        while True:
            asked = {"query": NEWEST, "variables": {"id": self.conversation_id}}
            try:
                answer = await self.http.post("/graphql", json=asked, headers=self.person.headers)
            except httpx.TransportError:
                continue
            body = answer.json()
            if "errors" not in body:
                edges = body["data"]["conversation"]["messages"]["edges"]
                return int(edges[0]["node"]["content"]) if edges else -1
            assert body["errors"][0]["extensions"]["code"] == "UNAVAILABLE", body
            await asyncio.sleep(0.05)

    @abstractmethod
    def _events(self, after: str) -> AsyncGenerator[dict[str, Any], None]:
        """What comes until the connection is lost. May raise what `AWAY` names."""

    def _operation(self, after: str) -> dict[str, Any]:
        return {"query": EVENTS, "variables": {"id": self.conversation_id, "after": after}}


class SocketSubscriber(Subscriber):
    """Over `graphql-transport-ws`. It hangs up in the middle, without a word."""

    async def _events(self, after: str) -> AsyncGenerator[dict[str, Any], None]:
        url = self.person.url.replace("http", "ws") + "/graphql"
        connecting = connect(url, subprotocols=["graphql-transport-ws"], compression=None, proxy=None)  # type: ignore[list-item]
        async with asyncio.timeout(20):
            socket = await connecting
        try:
            await socket.send(orjson.dumps({"type": "connection_init", "payload": _proof(self.person)}).decode())
            await socket.send(
                orjson.dumps({"type": "subscribe", "id": "1", "payload": self._operation(after)}).decode()
            )
            async for frame in socket:
                message = orjson.loads(frame)
                if message["type"] == "next":
                    assert "errors" not in message["payload"], message
                    yield message["payload"]["data"]["conversationEvents"]
                elif message["type"] != "connection_ack":
                    raise EOFError(str(message))
        finally:
            socket.transport.abort()


class StreamSubscriber(Subscriber):
    """Over Server-Sent Events."""

    async def _events(self, after: str) -> AsyncGenerator[dict[str, Any], None]:
        headers = {**self.person.headers, "Accept": "text/event-stream"}
        async with self.http.stream("POST", "/graphql", json=self._operation(after), headers=headers) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    answer = orjson.loads(line.removeprefix("data: "))
                    if answer.get("errors"):
                        raise EOFError(str(answer))
                    yield answer["data"]["conversationEvents"]


def _proof(person: Person) -> dict[str, str]:
    return {"authorization": person.headers["Authorization"]}
