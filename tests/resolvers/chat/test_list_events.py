"""A side bar: what the caller's list is told, against what `conversations` lists."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from models.clock import now
from permissions.authn.cutoff import Cutoff
from permissions.authn.principal import Principal, new_id
from permissions.changes import SYSTEM
from resolvers.chat.list_news import ALL, list_channel
from resolvers.ids import encode
from tests.permissions.people import given
from tests.resolvers.admin.test_audit import context
from tests.resolvers.chat.documents import append, chat, start
from tests.served import Caller, Served, schema

WATCH = """subscription ($after: String) { conversationListEvents(after: $after) { __typename cursor
  ... on ConversationAppeared { conversation { id title messageCount } }
  ... on ConversationUpdated { conversation { id title messageCount } }
  ... on ConversationVanished { conversationId reason } ... on ResyncRequired { reason } } }"""
UPDATE = "mutation ($input: UpdateConversationInput!) { updateConversation(input: $input) { conversation { id } } }"
SHARE = "mutation ($input: ShareConversationInput!) { shareConversation(input: $input) { conversation { id } } }"
CLOSE = "mutation ($id: ID!) { deleteConversation(input: {conversationId: $id}) { conversationId } }"
REOPEN = "mutation ($id: ID!) { restoreConversation(input: {conversationId: $id}) { conversation { id } } }"
ASSIGN = """mutation ($id: ID!, $role: String!) { assignRole(input: {userId: $id, role: $role}) {
  assignment { id } } }"""
END = "mutation ($id: ID!) { endRoleAssignment(input: {assignmentId: $id}) { assignment { id } } }"
Told = dict[str, Any]


@asynccontextmanager
async def watching(
    served: Served, name: str, after: str | None = None, *, quietly: bool = True
) -> AsyncIterator[AsyncIterator[Told]]:
    """What somebody's list is told, who listens already; `quietly`: nothing of what is no note."""
    access = await served.services.permissions.access(Principal(served.people[name].id, new_id()))
    on_socket = replace(context(served, name, access), socket=True, cutoff=Cutoff())
    stream = cast(Any, await schema().subscribe(WATCH, {"after": after}, context_value=on_socket))
    broker = served.services.broker
    async with asyncio.timeout(30), aclosing(stream):

        async def events() -> AsyncIterator[Told]:
            async for result in stream:
                assert not result.errors, result.errors
                yield result.data["conversationListEvents"]

        told = events()
        first = asyncio.ensure_future(anext(told))
        mine = {ALL, list_channel(f"user:{served.people[name].id}")}
        while not mine & set(broker.listened()):  # noqa: ASYNC110 (until it listens)
            await asyncio.sleep(0.01)
        if after is None:  # until it listens: what is no note is answered by a resync
            while not first.done():
                for channel in mine & set(broker.listened()):
                    await broker.publish(channel, b"?")
                await asyncio.wait({first}, timeout=0.1)

        async def onwards() -> AsyncIterator[Told]:
            async for event in _chained(first, told):
                if not quietly or event.get("reason") != "many conversations have changed":
                    yield event

        yield onwards()
        first.cancel()


async def _chained(first: "asyncio.Future[Told]", rest: AsyncIterator[Told]) -> AsyncIterator[Told]:
    yield await first
    async for event in rest:
        yield event


def short(event: Told) -> tuple[str, str]:
    about = event.get("conversation") or {"id": event.get("conversationId")}
    return event["__typename"].removeprefix("Conversation"), about["id"]


async def share(owner: Caller, id_: str, **more: Any) -> None:
    assert (await owner.ask(SHARE, input={"conversationId": id_, **more})).data


async def test_one_hears_of_ones_own_conversations_and_of_nobody_elses(served: Served) -> None:
    guest, bob = await served.as_("guest"), await served.as_("bob")
    async with watching(served, "guest") as events:
        await start(bob, title="not for him")
        one = await start(guest, title="one")
        assert short(await anext(events)) == ("Appeared", one)
        assert (await guest.ask(UPDATE, input={"conversationId": one, "title": "two"})).data
        told = await anext(events)
        assert (short(told), told["conversation"]["title"]) == (("Updated", one), "two")
        assert (await guest.ask(CLOSE, id=one)).data
        assert short(await anext(events)) == ("Vanished", one)
        assert (await guest.ask(REOPEN, id=one)).data
        assert short(await anext(events)) == ("Appeared", one)


async def test_what_is_written_is_told_within_a_moment_and_once_for_much(served: Served) -> None:
    guest = await served.as_("guest")
    one = await start(guest)
    async with watching(served, "guest") as events:
        for number in range(8):
            await append(guest, one, f"{number}")
        counts, told = [], {"conversation": {"messageCount": 0}}
        while told["conversation"]["messageCount"] < 8:
            told = await anext(events)
            assert short(told) == ("Updated", one)
            counts.append(told["conversation"]["messageCount"])
        assert len(counts) < 8
        assert counts == sorted(set(counts))


async def test_shares_come_and_go_with_users_and_roles_and_end_in_time(served: Served) -> None:
    bob, guest = await served.as_("bob"), served.people["guest"]
    by_user, brief, other = [(await chat(bob, 1))[0] for _ in range(3)]
    root = await served.as_("root")
    by_role = await start(root)
    him = {"userId": encode("User", guest.id)}
    async with watching(served, "guest") as events:
        await share(bob, other, userId=encode("User", served.people["sara"].id))
        await share(bob, by_user, **him)
        assert short(await anext(events)) == ("Appeared", by_user)
        await share(root, by_role, role="guest")
        assert short(await anext(events)) == ("Appeared", by_role)
        await append(bob, by_user, "more")
        assert short(await anext(events)) == ("Updated", by_user)
        await share(bob, by_user, access="NONE", **him)
        gone = await anext(events)
        assert (short(gone), gone["reason"]) == (("Vanished", by_user), "you may not read it any more")
        await share(bob, brief, until=(now() + timedelta(seconds=1.5)).isoformat(), **him)
        assert short(await anext(events)) == ("Appeared", brief)
        assert short(await anext(events)) == ("Vanished", brief)


async def test_who_sees_by_other_rules_is_told_as_well_and_what_leaves_his_reach_is_gone(served: Served) -> None:
    alice = await served.as_("alice")
    async with watching(served, "sara") as events:  # an analyst sees what is of her region, up to her clearance
        one = await start(alice, attributes={"region": "EMEA", "clearance_required": 1})
        assert short(await anext(events)) == ("Appeared", one)
        await start(alice, attributes={"region": "US-West", "clearance_required": 1})
        moved = {"region": "EMEA", "clearance_required": 5}
        assert (await alice.ask(UPDATE, input={"conversationId": one, "attributes": moved})).data
        assert short(await anext(events)) == ("Vanished", one)


async def test_a_role_gained_or_lost_is_another_list(served: Served) -> None:
    root, bob = await served.as_("root"), await served.as_("bob")
    async with watching(served, "guest") as events:
        answer = await root.ask(ASSIGN, id=encode("User", served.people["guest"].id), role="admin")
        assert (await anext(events))["reason"] == "what you may see has changed"
        one = await start(bob)
        assert short(await anext(events)) == ("Appeared", one)
        assert (await root.ask(END, id=answer.data["assignRole"]["assignment"]["id"])).data
        assert (await anext(events))["reason"] == "what you may see has changed"
        await start(bob)
        two = await start(await served.as_("guest"))
        assert short(await anext(events)) == ("Appeared", two)


async def test_a_role_that_ends_in_time_is_another_list_though_nobody_does_anything(served: Served) -> None:
    async with watching(served, "guest") as events, asyncio.timeout(10):
        brief = given(served.people["guest"], "admin", valid_until=now() + timedelta(seconds=2))
        await served.services.changes.assign(brief, SYSTEM)
        for _ in ("gained", "over"):
            assert (await anext(events))["reason"] == "what you may see has changed"


async def test_who_comes_back_is_told_what_he_missed_and_a_strange_cursor_is_said_to_be_one(served: Served) -> None:
    guest = await served.as_("guest")
    async with watching(served, "guest") as events:
        one = await start(guest)
        left = (await anext(events))["cursor"]
    two, three = await start(guest), await start(guest)
    async with watching(served, "guest", left) as events:
        assert [short(await anext(events)) for _ in range(2)] == [("Appeared", two), ("Appeared", three)]
        assert (await guest.ask(CLOSE, id=one)).data
        assert short(await anext(events)) == ("Vanished", one)
    for strange in ("", "x", "1-1", left[:-1] + "x", "0" * 12 + left[12:], left + ".0-0"):
        async with watching(served, "guest", strange) as events:
            assert (await anext(events))["__typename"] == "ResyncRequired"
