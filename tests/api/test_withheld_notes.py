"""What waits for who reads slowly: it is looked at once more before it is sent, where it has waited."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

import pytest
from websockets.exceptions import ConnectionClosed

from api.http_protocol import HttpProtocol
from api.socket_protocol import SocketProtocol
from models.audit_list import Found
from models.clock import now
from models.role import RoleAssignment
from permissions.authn import showing
from permissions.changes import SYSTEM
from resolvers.admin.audit import AuditEvent
from resolvers.chat.list_events import _Teller
from resolvers.ids import encode
from tests.api.test_event_streams import streaming
from tests.api.test_many_on_a_socket import hear
from tests.api.test_shared_streams import SHARE
from tests.api.test_socket_expiry import listening, opened, session_of
from tests.api.test_withheld import ALONE, ON_THEIR_WAY, SECRET, cuts_of, shared_with_guest, shown, so, watched
from tests.resolvers.chat.documents import append, start
from tests.resolvers.chat.test_list_events import UPDATE, WATCH
from tests.served import Served

assert shown is not None  # a fixture
ENDS: Final = "subscription { permissionEvents { __typename ... on PermissionChanged { event { kind reason } } } }"

Hear = Callable[[], Any]
Following = Callable[[str, Any, str], AbstractAsyncContextManager[Hear]]


@asynccontextmanager
async def over_a_socket(address: str, token: Any, query: str) -> AsyncIterator[Hear]:
    async with opened(address, str(token)) as client:
        await client.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": query}}))

        async def heard() -> Any:
            return (await hear(client))["payload"]["data"]

        yield heard


@asynccontextmanager
async def over_a_stream(address: str, token: Any, query: str) -> AsyncIterator[Hear]:
    async with streaming(address, token, query) as stream:

        async def heard() -> Any:
            return (await stream.event())[1]["data"]

        yield heard


WAYS: Final = [(over_a_socket, SocketProtocol, 1), (over_a_stream, HttpProtocol, ON_THEIR_WAY)]


async def until(heard: Hear, word: str, again: Callable[[], Any]) -> None:
    """Have it happen until it is told. Nothing tells when a subscription has begun."""
    hearing = asyncio.ensure_future(heard())
    while True:
        if not hearing.done():
            await again()
            await asyncio.wait({hearing}, timeout=0.1)
        elif word in str(hearing.result()):
            return
        else:
            hearing = asyncio.ensure_future(heard())


def hold(connection: Any) -> Callable[[], None]:
    """Have no more written to it, until what is returned is called."""
    flow = getattr(connection, "flow", connection)
    flow.pause_writing()
    go_on: Callable[[], None] = flow.resume_writing
    return go_on


@pytest.mark.parametrize(("following", "protocol", "notes"), WAYS)
async def test_a_note_of_a_list_that_waits_is_not_sent_once_its_reader_may_not_see_it(
    served: Served, monkeypatch: pytest.MonkeyPatch, following: Following, protocol: Any, notes: int
) -> None:
    monkeypatch.setattr(showing, "GOOD_SECONDS", 0)
    made, told = list[Any](), _Teller._event_of

    async def noted(teller: _Teller, item: Any) -> Any:
        made.append(await told(teller, item))
        return made[-1]

    monkeypatch.setattr(_Teller, "_event_of", noted)
    alice, guest = await served.as_("alice"), await served.as_("guest")
    conversation, nothing = await shared_with_guest(served, alice)

    async def rename(title: str) -> None:
        assert (await alice.ask(UPDATE, input={"conversationId": conversation, "title": title})).data

    with watched(monkeypatch, protocol) as connections:
        async with listening(served) as address, following(address, guest.token, WATCH) as heard:
            await until(heard, "for all", lambda: rename("for all"))
            await rename("last")
            await until(heard, "last", lambda: asyncio.sleep(0))
            go_on = hold(connections.newest())
            for number in range(notes):
                await rename(f"{SECRET} {number}")
            await so(lambda: sum(SECRET in str(getattr(each, "conversation", "")) for each in made) == notes)
            assert (await alice.ask(SHARE, input=nothing)).data
            go_on()
            answers = [await heard()]
            while answers[-1]["conversationListEvents"]["__typename"] != "ResyncRequired":
                answers.append(await heard())
    assert SECRET not in str(answers)


@pytest.mark.parametrize(("following", "protocol", "notes"), WAYS[1:])
async def test_a_note_that_waits_is_sent_where_its_reader_may_still_see_it(
    served: Served, monkeypatch: pytest.MonkeyPatch, following: Following, protocol: Any, notes: int
) -> None:
    monkeypatch.setattr(showing, "GOOD_SECONDS", 0)
    alice = await served.as_("alice")
    conversation = await start(alice)

    async def rename(title: str) -> None:
        assert (await alice.ask(UPDATE, input={"conversationId": conversation, "title": title})).data

    with watched(monkeypatch, protocol) as connections:
        async with listening(served) as address, following(address, alice.token, WATCH) as heard:
            await until(heard, "for all", lambda: rename("for all"))
            go_on = hold(connections.newest())
            for number in range(notes + 2):
                await rename(f"new {number}")
            go_on()
            titles = list[str]()
            while len(titles) < notes + 2:
                event = (await heard())["conversationListEvents"]
                assert event["__typename"] == "ConversationUpdated"
                titles += [event["conversation"]["title"]] * event["conversation"]["title"].startswith("new")
    assert titles[-1] == f"new {notes + 1}"


@pytest.mark.parametrize(("following", "protocol", "notes"), WAYS[:1])
async def test_a_record_that_waits_is_not_sent_to_who_may_not_read_the_log_any_more(
    served: Served, monkeypatch: pytest.MonkeyPatch, following: Following, protocol: Any, notes: int
) -> None:
    monkeypatch.setattr(showing, "GOOD_SECONDS", 0)
    guest, changes, people = await served.as_("guest"), served.services.changes, served.people
    given = RoleAssignment(user_id=people["guest"].id, role="admin", granted_at=now())
    await changes.assign(given, SYSTEM)
    made, of = list[Any](), AuditEvent.of

    def noted(found: Found) -> AuditEvent:
        made.append(found)
        return of(found)

    monkeypatch.setattr(AuditEvent, "of", noted)

    async def change(reason: str) -> None:
        await changes.set_attributes(people["sara"].id, {"said": reason}, SYSTEM, reason)

    with watched(monkeypatch, protocol) as connections:
        async with listening(served) as address, following(address, guest.token, ENDS) as heard:
            await until(heard, "for all", lambda: change("for all"))
            await change("last")
            await until(heard, "last", lambda: asyncio.sleep(0))
            go_on = hold(connections.newest())
            await change(SECRET)
            await so(lambda: SECRET in str(made))
            await changes.end_assignment(given.id, SYSTEM)
            go_on()
            answers = [await heard()]
            while answers[-1]["permissionEvents"]["__typename"] != "AccessRevoked":
                answers.append(await heard())
    assert SECRET not in str(answers)


async def test_what_waits_at_a_socket_whose_token_is_taken_back_is_not_sent(
    served: Served, monkeypatch: pytest.MonkeyPatch, shown: list[Any]
) -> None:
    """It waits for the connection before the frame that closes it does."""
    alice, accounts = await served.as_("alice"), served.services.authentication.accounts
    conversation, cuts = await start(alice), cuts_of(monkeypatch)
    query = ALONE.replace("($id: ID!)", "").replace("$id", json.dumps(conversation))
    with watched(monkeypatch, SocketProtocol) as sockets:
        async with listening(served) as address:
            session = await session_of(served)
            token = accounts.tokens.issue(session)
            async with opened(address, token) as client:
                await client.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": query}}))

                async def heard() -> Any:
                    return (await hear(client))["payload"]["data"]

                await until(heard, "for all", lambda: append(alice, conversation, "for all"))
                await append(alice, conversation, "last")
                await until(heard, "last", lambda: asyncio.sleep(0))
                sockets.newest().pause_writing()
                before = len(shown)
                await append(alice, conversation, SECRET)
                await so(lambda: len(shown) > before)
                await accounts.endings.one(session.principal, "ended_by_admin")
                await so(lambda: bool(cuts))
                sockets.newest().resume_writing()
                with pytest.raises(ConnectionClosed) as closed:
                    await client.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403


async def test_why_a_stream_is_over_is_told_though_a_note_before_it_may_not_be(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(showing, "GOOD_SECONDS", 0)
    bob, accounts = await served.as_("bob"), served.services.authentication.accounts
    conversation, made, cuts = await start(bob), list[Any](), cuts_of(monkeypatch)
    share = {"conversationId": conversation, "userId": encode("User", served.people["alice"].id)}
    assert (await bob.ask(SHARE, input=share)).data
    told = _Teller._event_of

    async def noted(teller: _Teller, item: Any) -> Any:
        made.append(await told(teller, item))
        return made[-1]

    monkeypatch.setattr(_Teller, "_event_of", noted)

    async def rename(title: str) -> None:
        assert (await bob.ask(UPDATE, input={"conversationId": conversation, "title": title})).data

    with watched(monkeypatch, HttpProtocol) as connections:
        async with listening(served) as address:
            session = await session_of(served)
            async with streaming(address, accounts.tokens.issue(session), WATCH) as stream:

                async def heard() -> Any:
                    return (await stream.event())[1]["data"]

                await until(heard, "for all", lambda: rename("for all"))
                await rename("last")
                await until(heard, "last", lambda: asyncio.sleep(0))
                go_on = hold(connections.newest())
                for number in range(ON_THEIR_WAY + 2):
                    await rename(f"{SECRET} {number}")
                await so(lambda: sum(SECRET in str(getattr(each, "conversation", "")) for each in made) >= ON_THEIR_WAY)
                assert (await bob.ask(SHARE, input=share | {"access": "NONE"})).data
                await accounts.endings.one(session.principal, "ended_by_admin")
                await so(lambda: bool(cuts))
                go_on()
                answers = [await stream.event()]
                while answers[-1][0]:
                    answers.append(await stream.event())
    assert "ended_by_admin" in str(answers)
    assert SECRET not in str(answers)
