"""Who is being told that he has lost his right: others lose theirs meanwhile, all leave, or he regains it."""

import asyncio
import gc
from collections.abc import Sequence

import pytest

from api.fanout import Member
from models.database import Record
from permissions.audit.writer import Writer
from permissions.engine.facts import Resource
from resolvers.chat.following import Right
from tests.api.fanout.crowds import PATIENCE_SECONDS, crowd_of
from tests.api.fanout.test_leaving import decision_of, losers, shared_with_guest, until, until_done
from tests.api.fanout.test_rooms import PLAIN, SECRET, SHARE
from tests.resolvers.chat.documents import append
from tests.served import Served


async def test_who_loses_his_right_while_those_before_him_are_forgotten_is_told_too(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await served.as_("alice")
    conversation, nothing = await shared_with_guest(served, alice)
    release, released = Member.release, list[Member]()

    def last(self: Member) -> None:
        release(self)
        if not released:
            late.standing.fail(RuntimeError("nobody foresaw it"))
        released.append(self)

    async with crowd_of(served) as crowd:
        late, his = await crowd.enter("sara", PLAIN, id=conversation)
        readers = await losers(crowd, 3, conversation)
        for member, reader in zip(crowd._members[1:], readers, strict=True):
            reader.leave = member.leave  # as a socket's operation does when it is over
        monkeypatch.setattr(Member, "release", last)
        assert (await alice.ask(SHARE, input=nothing)).data
        await until_done([his, *readers])
        await until(lambda: len(released) == 3)
        followers = served.services.standings._members
        await until(lambda: followers == {late.standing})
    assert his.told[-1]["data"] is None
    assert not followers


@pytest.mark.parametrize("begun", [False, True])
async def test_when_all_have_left_nothing_is_known_of_them_however_far_their_telling_was(
    served: Served, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    alice = await served.as_("alice")
    conversation, _ = await shared_with_guest(served, alice)
    writing = asyncio.Event()

    async def never(self: Writer, records: Sequence[Record], maybe: frozenset[str] = frozenset()) -> None:
        writing.set()
        await asyncio.Event().wait()

    async with crowd_of(served) as crowd:
        readers = await losers(crowd, 3, conversation)
        monkeypatch.setattr(Writer, "write", never)
        for member in crowd._members:
            member.standing._right = Right(None, None)
            member.ended()
        if begun:
            async with asyncio.timeout(PATIENCE_SECONDS):
                crowd._members[0].context.access.decide("report:delete", Resource("report", "1"))
                await writing.wait()
        for member in crowd._members:
            member.leave()
        assert not served.services.standings._members
    assert not any(reader.done for reader in readers)


async def test_who_regains_the_right_before_he_is_told_hears_that_it_was_lost_and_nothing_of_what_came_after(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.fanout.farewells.TOGETHER", 2)
    alice = await served.as_("alice")
    conversation, nothing = await shared_with_guest(served, alice)
    waits, go_on, write = asyncio.Event(), asyncio.Event(), Writer.write

    async def later(self: Writer, records: Sequence[Record], maybe: frozenset[str] = frozenset()) -> None:
        if any(record.get("effect") == "deny" for record in records):
            waits.set()
            await go_on.wait()
        await write(self, records, maybe)

    async with crowd_of(served) as crowd, asyncio.timeout(PATIENCE_SECONDS):
        readers = await losers(crowd, 5, conversation)
        monkeypatch.setattr(Writer, "write", later)
        assert (await alice.ask(SHARE, input=nothing)).data
        await waits.wait()
        assert (await alice.ask(SHARE, input=nothing | {"access": "READ"})).data
        await append(alice, conversation, SECRET)
        _, back = await crowd.enter("guest", PLAIN, id=conversation)
        await crowd.heard(conversation, back)
        assert not any(reader.done for reader in readers)
        go_on.set()
        await until_done(readers)
    decisions = {decision_of(reader.bodies[-1]) for reader in readers}
    assert len(decisions) == len(readers)
    for reader in readers:
        assert str(reader.told).count("AccessRevoked") == 1
        assert SECRET not in str(reader.told)
        assert await served.services.audit.find_decision(decision_of(reader.bodies[-1]))


async def test_full_passes_of_the_collector_stay_rare_from_the_judging_until_all_are_told(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the two one took two seconds with ten thousand of them."""
    alice = await served.as_("alice")
    conversation, nothing = await shared_with_guest(served, alice)
    usual, untold = gc.get_threshold(), list[int]()

    async with crowd_of(served) as crowd:
        readers = await losers(crowd, 5, conversation)
        rarely = gc.set_threshold

        def seen(*threshold: int) -> None:
            if threshold == usual and any(member.standing.over for member in crowd._members):
                untold.append(len([reader for reader in readers if not reader.done]))
            rarely(*threshold)

        monkeypatch.setattr(gc, "set_threshold", seen)
        assert (await alice.ask(SHARE, input=nothing)).data
        await until_done(readers)
        await until(lambda: bool(untold))
    assert not any(untold)
