"""Who comes back is told by himself what he has missed, by his right at each moment."""

import asyncio
from collections.abc import AsyncIterator

from api.shared_streams import StreamOutlet
from permissions.authn.cutoff import Cutoff
from tests.api.fanout.crowds import Crowd, Reader, crowd_of
from tests.api.fanout.test_leaving import shared_with_guest, until, until_done
from tests.api.fanout.test_rooms import PLAIN, SECRET, SHARE
from tests.resolvers.chat.documents import append
from tests.served import Served


async def come_back(crowd: Crowd, name: str, conversation: str, after: str, reader: Reader) -> None:
    asked = crowd.questions.asked(PLAIN, None, {"id": conversation, "after": after})
    assert asked
    member = await crowd.rooms.enter(asked, await crowd.context(name), reader)
    member.leave()


async def test_who_loses_his_right_while_he_does_not_read_is_not_told_what_he_missed(served: Served) -> None:
    """What waits for him is withheld as soon as this worker knows; why comes when he reads."""
    alice = await served.as_("alice")
    conversation, nothing = await shared_with_guest(served, alice)
    async with crowd_of(served) as crowd:
        _, other = await crowd.enter("guest", PLAIN, id=conversation)
        left = await crowd.heard(conversation, other)
        await append(alice, conversation, SECRET)
        await crowd.heard(conversation, other)
        stuck, rendered = Reader(), crowd.renderer.rendered
        stuck.stick()
        coming = asyncio.create_task(come_back(crowd, "guest", conversation, left, stuck))
        await until(lambda: crowd.renderer.rendered > rendered)
        assert (await alice.ask(SHARE, input=nothing)).data
        await until_done([other])
        stuck.go_on()
        await coming
    assert SECRET not in str(stuck.told)
    assert "AccessRevoked" in str(stuck.told[-1])
    assert len(stuck.told) == 1


async def test_what_waits_in_a_stream_for_its_reader_is_withheld_when_he_loses_his_right(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, nothing = await shared_with_guest(served, alice)
    async with crowd_of(served) as crowd:
        _, other = await crowd.enter("guest", PLAIN, id=conversation)
        asked, stream = crowd.questions.asked(PLAIN, None, {"id": conversation}), StreamOutlet(Cutoff().losing())
        assert asked
        member = await crowd.rooms.enter(asked, await crowd.context("guest"), stream)
        await append(alice, conversation, SECRET)
        await until(lambda: SECRET in str(other.told))
        assert (await alice.ask(SHARE, input=nothing)).data
        await until_done([other])
        told = [event async for event in waiting(stream)]
        member.leave()
    assert SECRET not in str(told)
    assert "AccessRevoked" in told[-1]


async def waiting(stream: StreamOutlet) -> AsyncIterator[str]:
    while (event := await stream.next()) is not None:
        yield event
