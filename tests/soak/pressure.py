"""Clients who take all that they are given, and ask for more: each presses on one limit, so many times a second."""

import asyncio
import random
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import httpx
import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from tests.api.clients import Person
from tests.attacks.documents import ATTACKS
from tests.attacks.http import REQUESTS
from tests.demos import Demo
from tests.fuzz.exchange import Sent, exchange

SOCKETS: Final = 100
"""`sockets_per_user`: one more than that is tried, too."""
PACE: Final = {
    "documents at the budget": 2,
    "searches": 5,
    "documents that are refused": 20,
    "requests that are refused": 20,
    "uploads": 1,
    "sockets": 20,
    "event streams": 10,
    "wrong passwords": 1,
}
"""Tries a second, at random times, as of many who don't know of each other: more than each limit lets pass. Who sends
as fast as he is answered shows the machine's limit."""
HEAVY: Final = (
    "{ conversations(first: 60) { edges { node { id title tags messageCount owner { id displayName } "
    "messages(first: 100) { edges { cursor node { id role content createdAt } } } } } } }"
)
"""Near the budget of an operation: a hundred messages of each of sixty conversations."""
SEARCHES: Final = ("the", "python", "how to", '"what is"', "a" * 60, "write a story about")
EVENTS: Final = "subscription { sessionEvents { at } }"
PNG: Final = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 2_000


@dataclass
class Pressure:
    """`answers` counts what each was told: a status, a code or a close code. `factor` multiplies `PACE`."""

    demo: Demo
    people: Mapping[str, Person]
    http: httpx.AsyncClient
    factor: float = 1.0
    answers: dict[str, Counter[str]] = field(default_factory=dict)
    due: dict[str, float] = field(default_factory=dict)
    _may: asyncio.Event = field(default_factory=asyncio.Event)

    @contextmanager
    def on(self) -> Iterator[None]:
        """They try within the block only."""
        self._may.set()
        try:
            yield
        finally:
            self._may.clear()

    def clients(self) -> list[Callable[[], Awaitable[None]]]:
        """All of them, each of which goes on until it is cancelled."""
        return [
            self.heavy,
            self.search,
            self.documents,
            self.requests,
            self.uploads,
            self.sockets,
            self.streams,
            self.logins,
        ]

    async def heavy(self) -> None:
        """Documents at the budget."""
        while True:
            await self._ask("documents at the budget", "alice", {"query": HEAVY})

    async def search(self) -> None:
        """Whatever is dear to look for."""
        number = 0
        while True:
            query = "query ($q: String!) { searchMessages(query: $q, first: 50) { edges { node { id } } } }"
            await self._ask("searches", "john", {"query": query, "variables": {"q": SEARCHES[number % len(SEARCHES)]}})
            number += 1

    async def documents(self) -> None:
        """A flood of documents that are refused."""
        small = [each for each in ATTACKS if len(each.document) < 100_000 and not each.variables]
        while True:
            for attack in small:
                await self._ask("documents that are refused", None, {"query": attack.document})

    async def requests(self) -> None:
        """A flood of requests that are none, each on a connection of its own."""
        small = [each for each in REQUESTS if len(each.sent) < 20_000]
        while True:
            for attack in small:
                await self._turn("requests that are refused")
                heard = await exchange(self.demo.host, self.demo.port, Sent((attack.sent,)))
                self._note("requests that are refused", heard.data[9:12].decode(errors="replace") or "closed")

    async def uploads(self) -> None:
        """Files until the quota is full, and more."""
        while True:
            files = {"file": ("a.png", PNG + secrets.token_bytes(16), "image/png")}
            await self._send("uploads", "sara", partial(self.http.post, "/attachments", files=files))

    async def sockets(self) -> None:
        """As many as one may have, all of them listening, and one more, again and again."""
        while True:
            async with AsyncExitStack() as opened:
                try:
                    for _ in range(SOCKETS):
                        await self._open(opened)
                    while True:
                        async with AsyncExitStack() as more:
                            await self._open(more)
                except (OSError, WebSocketException) as error:  # all of them anew
                    self._note("sockets", type(error).__name__)

    async def _open(self, opened: AsyncExitStack) -> None:
        address = self.demo.server.url.replace("http", "ws", 1) + "/graphql"
        headers = self.people["bob"].headers
        protocol: Any = "graphql-transport-ws"
        await self._turn("sockets")
        try:
            socket = await opened.enter_async_context(
                connect(address, subprotocols=[protocol], additional_headers=headers)
            )
        except InvalidStatus as refused:
            self._note("sockets", str(refused.response.status_code))
            return
        await socket.send('{"type":"connection_init"}')
        subscribed = orjson.dumps({"type": "subscribe", "id": "1", "payload": {"query": EVENTS}}).decode()
        with suppress(WebSocketException):
            await socket.recv()
            await socket.send(subscribed)
        self._note("sockets", "open" if socket.close_code is None else str(socket.close_code))

    async def streams(self) -> None:
        """Event streams that are begun and left at once."""
        headers = {**self.people["bob"].headers, "Accept": "text/event-stream"}
        while True:
            await self._turn("event streams")
            with suppress(httpx.HTTPError):
                async with self.http.stream("POST", "/graphql", json={"query": EVENTS}, headers=headers) as answer:
                    self._note("event streams", str(answer.status_code))

    async def logins(self) -> None:
        """Wrong passwords."""
        query = "mutation ($i: LoginInput!) { login(input: $i) { accessToken } }"
        while True:
            given = {"email": f"{secrets.token_hex(3)}@demo.example", "password": "not this one, surely"}
            await self._ask("wrong passwords", None, {"query": query, "variables": {"i": given}})

    async def _ask(self, name: str, who: str | None, body: Any) -> None:
        await self._send(name, who, partial(self.http.post, "/graphql", json=body))

    async def _send(self, name: str, who: str | None, send: Callable[..., Awaitable[httpx.Response]]) -> None:
        await self._turn(name)
        try:
            answer = await send(headers=self.people[who].headers if who else {})
        except httpx.HTTPError as error:
            self._note(name, type(error).__name__)
            return
        code = answer.content.partition(b'"code":')[2].lstrip(b' "').partition(b'"')[0].decode(errors="replace")[:40]
        self._note(name, code or str(answer.status_code))

    async def _turn(self, name: str) -> None:
        """Wait until the next try is due; what was missed is not made up for."""
        now = time.monotonic()
        due = self.due[name] = max(now, self.due.get(name, now) + random.expovariate(PACE[name] * self.factor))
        await asyncio.sleep(due - now)
        await self._may.wait()

    def _note(self, name: str, answer: str) -> None:
        self.answers.setdefault(name, Counter())[answer] += 1
