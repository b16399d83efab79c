"""Lists that many change at once, and what nobody may learn from their events."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from models.clock import now
from models.conversation import Conversation
from models.policy import Policy, PolicyMode
from models.role import GrantEffect
from models.share import Share, ShareAccess, user_grantee
from models.sharing import give
from permissions.changes import SYSTEM
from resolvers.chat.list_news import announce_listed, announce_many, list_channel
from resolvers.context import Context
from resolvers.ids import encode, object_id
from resolvers.live.pacing import Throttle
from tests.resolvers.chat.documents import start
from tests.resolvers.chat.test_list_events import CLOSE, UPDATE, share, short, watching
from tests.served import Served

MANY = "many conversations have changed"


async def stored(id_: str) -> Conversation:
    found = await Conversation.get(object_id(id_, "Conversation"))
    assert found
    return found


async def test_each_import_is_told_and_not_the_first_alone(served: Served) -> None:
    broker, guest = served.services.broker, served.people["guest"]
    channel = list_channel(user_grantee(guest.id))
    async with watching(served, "guest", "strange", quietly=False) as events:
        assert (await anext(events))["__typename"] == "ResyncRequired"
        for _ in range(2):
            await announce_many(broker, guest.id)
            assert (await anext(events))["reason"] == MANY
    assert channel not in broker.listened()


async def test_who_hears_of_one_thing_on_two_channels_is_told_once_wherever_he_goes_on(served: Served) -> None:
    root, guest = await served.as_("root"), await served.as_("guest")
    him = {"userId": encode("User", served.people["guest"].id)}
    one = await start(root)
    async with watching(served, "guest") as events:
        await share(root, one, role="guest")
        assert short(await anext(events)) == ("Appeared", one)
        await share(root, one, **him)  # told to him, and to the role
        told = await anext(events)
        assert short(told) == ("Updated", one)
    async with watching(served, "guest", told["cursor"]) as events:
        two = await start(guest)
        assert short(await anext(events)) == ("Appeared", two)
        await root.ask(CLOSE, id=one)
        assert short(await anext(events)) == ("Vanished", one)
        await start(root)
        three = await start(guest)
        assert short(await anext(events)) == ("Appeared", three)


async def test_a_cursor_of_somebody_else_shows_no_more_than_ones_own(served: Served) -> None:
    """Who sees by other rules than owning listens where all is told; who doesn't, elsewhere."""
    bob, root = await served.as_("bob"), await served.as_("root")
    async with watching(served, "admin") as events:
        first = await start(bob, attributes={"region": "US-West", "clearance_required": 1})
        theirs = await anext(events)
        assert short(theirs) == ("Appeared", first)
    hidden = await start(bob, attributes={"region": "US-West", "clearance_required": 1}, title="hidden")
    await bob.ask(UPDATE, input={"conversationId": hidden, "title": "hidden still", "tags": ["hidden"]})
    await bob.ask(CLOSE, id=hidden)
    shown = await start(root, attributes={"region": "EMEA", "clearance_required": 1})
    async with watching(served, "sara", theirs["cursor"]) as events:
        assert short(await anext(events)) == ("Appeared", shown)
    async with watching(served, "guest", theirs["cursor"]) as events:
        assert (await anext(events))["__typename"] == "ResyncRequired"
        own = await start(await served.as_("guest"))
        assert short(await anext(events)) == ("Appeared", own)


async def test_what_he_never_saw_does_not_vanish_when_its_share_ends(served: Served) -> None:
    bob, whom = await served.as_("bob"), user_grantee(served.people["guest"].id)
    hidden, seen = [await start(bob, attributes={"region": region}) for region in ("APAC", "EMEA")]
    closed = Policy(id="closed", effect=GrantEffect.DENY, actions=["conversation:read"], mode=PolicyMode.ENFORCE)
    closed.when = 'resource.region == "APAC"'
    await served.services.changes.put_policy(closed, SYSTEM)
    until = now() + timedelta(seconds=2.5)
    for id_ in (hidden, seen):
        given = Share(grantee=whom, access=ShareAccess.READ, by=served.people["bob"].id, at=now(), until=until)
        assert await give(served.services.database.db, object_id(id_, "Conversation"), given)
    async with watching(served, "guest") as events:
        assert short(await anext(events)) == ("Vanished", seen)
        one = await start(await served.as_("guest"), attributes={"region": "EMEA"})
        assert short(await anext(events)) == ("Appeared", one)


async def test_a_share_that_ends_while_something_else_is_told_is_over_all_the_same(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob, guest = await served.as_("bob"), await served.as_("guest")
    one, own = await start(bob), await start(guest)
    renew = Context.renew
    async with watching(served, "guest") as events:
        until = now() + timedelta(seconds=1)
        await share(bob, one, userId=encode("User", served.people["guest"].id), until=until.isoformat())
        assert short(await anext(events)) == ("Appeared", one)

        async def slowly(context: Context) -> None:
            await renew(context)
            while now() <= until:  # he was judged before its end, and goes on after it  # noqa: ASYNC110
                await asyncio.sleep(0.01)

        monkeypatch.setattr(Context, "renew", slowly)
        await guest.ask(UPDATE, input={"conversationId": own, "title": "x"})
        assert [short(await anext(events)) for _ in range(2)] == [("Updated", own), ("Vanished", one)]


async def test_notes_that_overtook_each_other_leave_no_list_without_what_is_there(served: Served) -> None:
    guest = await served.as_("guest")
    one, two = await start(guest), await start(guest)
    live, gone = await stored(one), await stored(two)
    async with watching(served, "guest") as events:
        await announce_listed(served.services.broker, None, live)  # it was restored,
        await announce_listed(served.services.broker, live, None)  # and before that deleted
        assert [short(await anext(events)) for _ in range(2)] == [("Appeared", one), ("Updated", one)]
        await guest.ask(CLOSE, id=two)
        await announce_listed(served.services.broker, None, gone)
        assert short(await anext(events)) == ("Vanished", two)
        three = await start(guest)
        assert short(await anext(events)) == ("Appeared", three)


async def test_nobody_is_told_faster_than_he_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal moment
        moment += seconds

    throttle: Any = Throttle(10, 2, lambda: moment)
    monkeypatch.setattr("resolvers.live.pacing.asyncio.sleep", sleep)
    for _ in range(10):
        await throttle.keep()
    assert moment == 0
    for _ in range(20):
        await throttle.keep()
    assert moment == 10
    moment += 100
    for _ in range(11):
        await throttle.keep()
    assert moment == 110.5
