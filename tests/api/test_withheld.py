"""Who follows a conversation alone, and doesn't read: what waits for him is not sent once he has lost his right."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

import pytest

from api.http_protocol import HttpProtocol
from api.socket_protocol import SocketProtocol
from permissions.authn.cutoff import Cut, Cutoff
from resolvers.chat import subscriptions
from resolvers.chat.standing import Standing
from resolvers.ids import encode
from tests.api.test_event_streams import Reader, streaming
from tests.api.test_many_on_a_socket import hear
from tests.api.test_shared_streams import SHARE, come, until
from tests.api.test_socket_expiry import listening, opened, session_of
from tests.resolvers.chat.documents import append, start
from tests.served import Caller, Served

SHARED: Final = """subscription ($id: ID!) { conversationEvents(conversationId: $id) { __typename
  cursor ... on MessageAdded { message { content } } ... on AccessRevoked { reason decisionId } } }"""
ALONE: Final = SHARED.replace("{ conversation", "{ ... { conversation", 1) + " }"
SECRET: Final = "only-for-those-who-may"
PATIENCE_SECONDS: Final = 60
ON_THEIR_WAY: Final = 3
"""Events that lie between what makes them and the connection, of who has a stream of his own."""


class Connections:
    """Those that were made to the server, in their order."""

    def __init__(self) -> None:
        self.made: Final[list[Any]] = []

    def newest(self) -> Any:
        """As it is when nothing more can be written to it, and again."""
        return self.made[-1]


def cuts_of(monkeypatch: pytest.MonkeyPatch) -> list[Cut]:
    """What is cut off from now on, each as soon as it is."""
    cuts, end = list[Cut](), Cutoff.end

    def noted(cutoff: Cutoff, cut: Cut) -> None:
        end(cutoff, cut)
        cuts.append(cut)

    monkeypatch.setattr(Cutoff, "end", noted)
    return cuts


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch, protocol: type[Any]) -> Iterator[Connections]:
    """Within the block connections are noted."""
    found, connect = Connections(), protocol.connection_made

    def noted(self: Any, transport: Any) -> None:
        found.made.append(self)
        connect(self, transport)

    with monkeypatch.context() as patch:
        patch.setattr(protocol, "connection_made", noted)
        yield found


async def shared_with_guest(served: Served, alice: Caller) -> tuple[str, dict[str, str]]:
    conversation = await start(alice)
    share = {"conversationId": conversation, "userId": encode("User", served.people["guest"].id)}
    assert (await alice.ask(SHARE, input=share)).data
    return conversation, share | {"access": "NONE"}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was made for somebody to be told."""
    found, read = list[Any](), subscriptions._read

    async def noted(*given: Any) -> Any:
        found.append(await read(*given))
        return found[-1]

    monkeypatch.setattr(subscriptions, "_read", noted)
    return found


async def so(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 (nobody is told)
            await asyncio.sleep(0.01)


async def lose(served: Served, alice: Caller, nothing: dict[str, str], shown: list[Any], *, events: int) -> None:
    """Have `events` made for a guest who can't be written to, who loses his right then."""
    before = len(shown)
    for _ in range(events):
        await append(alice, nothing["conversationId"], SECRET)
    await so(lambda: len(shown) == before + events)
    assert (await alice.ask(SHARE, input=nothing)).data
    await so(lambda: all(cast(Standing, each).over for each in served.services.standings._members))


async def test_what_waits_for_who_follows_alone_on_a_socket_is_not_sent(
    served: Served, monkeypatch: pytest.MonkeyPatch, shown: list[Any]
) -> None:
    alice, guest = await served.as_("alice"), await served.as_("guest")
    conversation, nothing = await shared_with_guest(served, alice)
    with watched(monkeypatch, SocketProtocol) as sockets:
        async with listening(served) as address, opened(address, str(guest.token)) as client:
            payload = {"query": ALONE, "variables": {"id": conversation}}
            await client.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
            first = asyncio.ensure_future(hear(client))
            while not first.done():
                await append(alice, conversation, "for all")
                await asyncio.wait({first}, timeout=0.1)
            await append(alice, conversation, "last")
            while "last" not in str(await hear(client)):
                pass
            sockets.newest().pause_writing()
            await lose(served, alice, nothing, shown, events=1)
            sockets.newest().resume_writing()
            told = [await hear(client)]
            while told[-1]["type"] == "next":
                told.append(await hear(client))
    assert SECRET not in str(told)
    assert told[-2]["payload"]["data"]["conversationEvents"]["__typename"] == "AccessRevoked"
    assert told[-1] == {"id": "1", "type": "complete"}
    assert str(told).count("AccessRevoked") == 1


@pytest.mark.parametrize("query", [ALONE, SHARED])
async def test_what_waits_in_an_event_stream_is_not_sent(
    served: Served, monkeypatch: pytest.MonkeyPatch, shown: list[Any], query: str
) -> None:
    """Some events are on their way from what makes them to the connection: these, too."""
    alice, guest = await served.as_("alice"), await served.as_("guest")
    conversation, nothing = await shared_with_guest(served, alice)
    with watched(monkeypatch, HttpProtocol) as connections:
        async with (
            listening(served) as address,
            streaming(address, guest.token, query, id=conversation) as stream,
        ):
            await come(served, stream, conversation)
            await append(alice, conversation, "for all")
            assert await until(stream, "for all")
            connections.newest().flow.pause_writing()
            await lose(served, alice, nothing, shown, events=ON_THEIR_WAY)
            connections.newest().flow.resume_writing()
            told = await rest(stream)
    assert SECRET not in str(told)
    assert told[-1][1]["data"]["conversationEvents"]["__typename"] == "AccessRevoked"
    assert str(told).count("AccessRevoked") == 1


@pytest.mark.parametrize("query", [ALONE, SHARED])
async def test_what_waits_in_a_stream_for_a_token_that_is_taken_back_is_not_sent(
    served: Served, monkeypatch: pytest.MonkeyPatch, shown: list[Any], query: str
) -> None:
    """What was made before, and not read: its end is told, and nothing else."""
    alice, accounts = await served.as_("alice"), served.services.authentication.accounts
    conversation, cuts = await start(alice), cuts_of(monkeypatch)
    with watched(monkeypatch, HttpProtocol) as connections:
        async with listening(served) as address:
            session = await session_of(served)
            token = accounts.tokens.issue(session)
            async with streaming(address, token, query, id=conversation) as stream:
                await come(served, stream, conversation)
                await append(alice, conversation, "for all")
                assert await until(stream, "for all")
                connections.newest().flow.pause_writing()
                before = len(shown)
                for _ in range(ON_THEIR_WAY):
                    await append(alice, conversation, SECRET)
                await so(lambda: len(shown) == before + ON_THEIR_WAY)
                await accounts.endings.one(session.principal, "ended_by_admin")
                await so(lambda: bool(cuts))
                connections.newest().flow.resume_writing()
                told = [await stream.event()]
                while told[-1][0]:
                    told.append(await stream.event())
    assert SECRET not in str(told)
    assert "ended_by_admin" in str(told)


async def rest(stream: Reader) -> list[tuple[str, Any]]:
    """All events until it is complete."""
    told = [await stream.event()]
    while told[-1][0] == "next":
        told.append(await stream.event())
    assert told.pop() == ("complete", None)
    return told
