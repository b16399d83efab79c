"""What is over is freed as it ends: who is served next does not wait for the garbage collector to find it.

Thousands who lost a right at once left it a million objects, and nobody was answered for two seconds.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from api.cli.serve import environment
from models.embedded import EmbeddedStores
from resolvers.ids import encode
from tests.api.clients import PATIENCE_SECONDS
from tests.api.counting_worker import PATH
from tests.api.fanout.test_rooms import PLAIN, SHARE
from tests.benchmarks.load import HOST
from tests.benchmarks.servers import serving_beside, unlimited
from tests.resolvers.chat.documents import APPEND, LIST, append, chat, start
from tests.served import QUIET, Caller, Served

Told = TypeVar("Told")

FEW: Final = 3
MANY: Final = 10
AT_MOST: Final = 8
"""Objects that one may leave: where a connection to Redis is opened anew meanwhile, that leaves some dozens."""
AT_MOST_JUDGED: Final = 50
"""Of documents, which were thousands: what graphql-core has to find the variables of a definition keeps itself."""
TRIES: Final = 3
ME: Final = "{ me { id displayName } }"
PAGE: Final = """query ($id: ID!) { conversation(id: $id) { id title owner { id displayName }
  messages { edges { node { id content siblingCount author { displayName } siblings { id } branch { id } } } } } }"""
LISTED: Final = "subscription { conversationListEvents { __typename cursor } }"


class Counted:
    """A worker whose collector is off."""

    def __init__(self, http: httpx.AsyncClient, conversation: str, alice: Caller, guest: Caller, root: Caller) -> None:
        self.http = http
        self.conversation = conversation
        """With some messages."""
        self.beside = alice
        """Who asks another worker: what that leaves is not counted."""
        self.alice = Caller(http, alice.user, alice.token)
        self.guest = Caller(http, guest.user, guest.token)
        self.root = root
        self.open = AsyncExitStack()
        self.sockets = 0

    async def garbage(self) -> int:
        """How many objects were left for it since this was asked last."""
        return int((await self.http.get(PATH, params={"sockets": self.sockets})).text)

    async def each(self, do: Callable[[int], Awaitable[None]]) -> float:
        """How many one leaves, when so many are done as `do` is told, without what is left whatever their number.

        What something else left by chance meanwhile is not found every time.
        """
        await self._left(do, FEW)  # what is made once
        for _ in range(TRIES):
            few, many = await self._left(do, FEW), await self._left(do, MANY)
            if (each := (many - few) / (MANY - FEW)) < AT_MOST:
                break
        return each

    async def _left(self, do: Callable[[int], Awaitable[None]], number: int) -> int:
        await do(number)
        left = await self.garbage()
        await self.close()
        await self.garbage()
        return left

    async def close(self) -> None:
        """No socket is open any more."""
        await self.open.aclose()
        self.sockets = 0

    async def socket(self, person: Caller) -> ClientConnection:
        """One more, signed in."""
        address = str(self.http.base_url).replace("http", "ws") + "/graphql"
        opening = connect(address, subprotocols=[Subprotocol("graphql-transport-ws")], compression=None)
        socket = await self.open.enter_async_context(opening)
        self.sockets += 1
        payload = {"authorization": f"Bearer {person.token}"}
        await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
        assert (await heard(socket))["type"] == "connection_ack"
        return socket

    async def streamed(self, query: str, **variables: Any) -> str:
        """The first event of a stream, which is closed then."""
        headers = {"Accept": "text/event-stream"} | bearer(self.alice)
        sent = {"query": query, "variables": variables}
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            self.http.stream("POST", "/graphql", json=sent, headers=headers) as response,
        ):
            return await anext(each async for each in response.aiter_lines() if each.startswith("event: next"))

    async def following(self, number: int) -> list[tuple[ClientConnection, dict[str, str]]]:
        """So many guests, each with a socket and a conversation that is shared with him, who have heard something."""
        return await asyncio.gather(*(self._follows() for _ in range(number)))

    async def _follows(self) -> tuple[ClientConnection, dict[str, str]]:
        assert self.guest.user is not None
        conversation = await start(self.beside, attributes={"region": "EMEA", "clearance_required": 1})
        share = {"conversationId": conversation, "userId": encode("User", self.guest.user.id)}
        assert (await self.beside.ask(SHARE, input=share)).data
        socket = await self.socket(self.guest)
        await subscribe(socket, PLAIN, id=conversation)
        await until_told(socket, lambda: append(self.beside, conversation, "hello"))
        return socket, share


async def heard(socket: ClientConnection) -> Any:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return json.loads(await socket.recv())


async def subscribe(socket: ClientConnection, query: str, **variables: Any) -> None:
    payload = {"query": query, "variables": variables}
    await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))


async def until_told(socket: ClientConnection, say: Callable[[], Awaitable[object]]) -> None:
    """When a subscription has begun nobody says."""
    assert (await until(heard(socket), say))["type"] == "next"


async def until(told: Coroutine[Any, Any, Told], say: Callable[[], Awaitable[object]]) -> Told:
    """What comes when something has been said often enough."""
    telling = asyncio.create_task(told)
    while not telling.done():
        await say()
        await asyncio.wait([telling], timeout=0.2)
    return telling.result()


async def until_over(socket: ClientConnection) -> None:
    while (await heard(socket))["type"] != "complete":
        pass


@pytest.fixture
async def counted(served: Served, stores: EmbeddedStores, tmp_path: Path) -> AsyncIterator[Counted]:
    people = [await served.as_(name) for name in ("alice", "guest", "root")]
    conversation, _ = await chat(people[0], 3, attributes={"region": "EMEA", "clearance_required": 1})
    settings = unlimited(served, stores, **QUIET)
    log = tmp_path / "worker.log"
    async with (
        serving_beside("tests.api.counting_worker", environment(settings), log) as server,
        httpx.AsyncClient(base_url=f"http://{HOST}:{server.port}", timeout=PATIENCE_SECONDS) as http,
    ):
        one = Counted(http, conversation, *people)
        async with one.open:
            yield one


async def lost(counted: Counted, number: int) -> None:
    """A right, by so many who follow."""
    for socket, share in await counted.following(number):
        assert (await counted.beside.ask(SHARE, input=share | {"access": "NONE"})).data
        await until_over(socket)


async def completed(counted: Counted, number: int) -> None:
    for socket, _ in await counted.following(number):
        await socket.send(json.dumps({"type": "complete", "id": "1"}))
        await answered(socket)


async def closed(counted: Counted, number: int) -> None:
    await counted.following(number)
    await counted.close()


async def asked_over_a_socket(counted: Counted, number: int) -> None:
    for _ in range(number):
        socket = await counted.socket(counted.alice)
        await subscribe(socket, PAGE, id=counted.conversation)
        await until_over(socket)
    await counted.close()


async def followed_alone(counted: Counted, number: int) -> None:
    for _ in range(number):
        socket = await counted.socket(counted.alice)
        await subscribe(socket, LISTED)
        await until_told(socket, lambda: start(counted.beside))
    await counted.close()


async def closed_for_no_message(counted: Counted, number: int) -> None:
    for _ in range(number):
        socket = await counted.socket(counted.alice)
        await socket.send("no message")
        await socket.wait_closed()
    await counted.close()


async def streamed(counted: Counted, number: int) -> None:
    for _ in range(number):
        telling = counted.streamed(PLAIN, id=counted.conversation)
        await until(telling, lambda: append(counted.beside, counted.conversation, "hello"))


async def streamed_alone(counted: Counted, number: int) -> None:
    for _ in range(number):
        await until(counted.streamed(LISTED), lambda: start(counted.beside))


async def paged(counted: Counted, number: int) -> None:
    for _ in range(number):
        assert (await counted.alice.ask(PAGE, id=counted.conversation)).data


async def who_is_it(counted: Counted, number: int) -> None:
    for _ in range(number):
        assert (await counted.alice.ask(ME)).data


async def listed(counted: Counted, number: int) -> None:
    for _ in range(number):
        assert (await counted.alice.ask(LIST, first=10)).data


async def appended(counted: Counted, number: int) -> None:
    for _ in range(number):
        await append(counted.alice, counted.conversation, "x")


async def refused(counted: Counted, number: int) -> None:
    sent = {"conversationId": counted.conversation, "content": "x"}
    for _ in range(number):
        assert (await counted.guest.ask(APPEND, input=sent)).codes == ["NOT_FOUND"]


async def judged_and_refused(counted: Counted, number: int) -> None:
    """Those of it that are judged where they are asked for, and those beside; by its size, its sense and its syntax."""
    long = f"{{ {'me { id } ' * 60}"
    for each in range(number):
        for wrong in ("{ nothing }", "{ me { ", f"{long} }}", f"{long} nothing }}", f"{long} "):
            await _refused(counted, f"# {each}\n{wrong}")


async def judged(counted: Counted, number: int) -> None:
    """New ones, and more than are remembered."""
    for each in range(number):
        for text in (f"{{ me {{ id }} }} # {each}", f"{{ me {{ {'id ' * 40} }} }} # {each} {'x' * 30_000}"):
            assert (await counted.alice.ask(text)).data


async def decided(counted: Counted, number: int) -> None:
    """Asked by another service."""
    who, what = {"type": "user", "id": "alice@demo.example"}, {"type": "sales_data", "id": "2026-q1"}
    sent = {"subject": who, "action": {"name": "read"}, "resource": what}
    for _ in range(number):
        answer = await counted.http.post("/access/v1/evaluation", json=sent, headers=bearer(counted.root))
        assert answer.status_code == 200, answer.text


async def _refused(counted: Counted, document: str) -> None:
    answer = await counted.alice.ask(document)
    assert answer.codes, document


async def ready(counted: Counted, number: int) -> None:
    for _ in range(number):
        assert (await counted.http.get("/readyz")).status_code == 200


ENDINGS: Final = (
    *(lost, completed, closed, asked_over_a_socket, followed_alone, closed_for_no_message, streamed, streamed_alone),
    *(paged, who_is_it, listed, appended, refused, judged, judged_and_refused, decided, ready),
)


async def test_what_is_over_leaves_nothing_to_the_collector(counted: Counted) -> None:
    """All by one worker: to start one takes longer than to ask it."""
    left = {ending.__name__: await counted.each(partial(ending, counted)) for ending in ENDINGS}
    more = {each.__name__: AT_MOST_JUDGED for each in (judged, judged_and_refused)}
    assert not {name: number for name, number in left.items() if number >= more.get(name, AT_MOST)}


async def answered(socket: ClientConnection) -> None:
    """All that was sent before was read."""
    await socket.send(json.dumps({"type": "ping"}))
    while (await heard(socket))["type"] != "pong":
        pass


def bearer(person: Caller) -> dict[str, str]:
    return {"Authorization": f"Bearer {person.token}"}
