"""Who has to be looked at before he is told anything, and that nobody else waits for it."""

import asyncio

import pytest

from api.fanout import Member, telling
from permissions.changes import SYSTEM, PermissionChanges
from tests.api.fanout.crowds import Crowd, Reader, crowd_of
from tests.api.fanout.test_rooms import PLAIN
from tests.resolvers.chat.documents import append, start
from tests.served import Served

DOUBTFUL = 30
ATTRIBUTES = {"region": "EMEA", "clearance_required": 1}


async def followed(served: Served, crowd: Crowd, number: int) -> tuple[str, list[tuple[Member, Reader]]]:
    """A conversation, and as many who follow it, of whom nothing is in doubt."""
    alice = await served.as_("alice")
    conversation = await start(alice, attributes=ATTRIBUTES)
    await append(alice, conversation, "the first, which changes the conversation itself")
    pairs = [await crowd.enter("sara", PLAIN, id=conversation) for _ in range(number)]
    await crowd.heard(conversation, *(reader for _, reader in pairs))
    return conversation, pairs


async def test_a_change_for_somebody_else_has_nobody_looked_at(served: Served) -> None:
    async with crowd_of(served) as crowd:
        conversation, pairs = await followed(served, crowd, 3)
        store, told = served.services.permissions, [reader for _, reader in pairs]
        standings = [member.standing for member, _ in pairs]
        accesses, before = [each.access for each in standings], store.revision
        await PermissionChanges(store).set_attributes(served.people["john"].id, {"region": "APAC"}, SYSTEM)
        await crowd.heard(conversation, *told)
        assert store.revision > before
        assert [each.access for each in standings] == accesses
        await PermissionChanges(store).set_attributes(served.people["sara"].id, {"clearance": 0}, SYSTEM)
        await crowd.heard(conversation, *told)
        assert all(reader.done for reader in told)


async def test_who_is_not_in_doubt_is_told_before_the_others_are_judged(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with crowd_of(served) as crowd:
        conversation, pairs = await followed(served, crowd, DOUBTFUL + 1)
        (_, first), *others = pairs
        judged, settle = list[bool](), Member.settle

        async def watched(member: Member, *, patient: bool = True) -> bool:
            judged.append("between" in str(first.told))
            return await settle(member, patient=patient)

        monkeypatch.setattr(Member, "settle", watched)
        for member, _ in others:
            member.standing.suspect()
        await append(await served.as_("alice"), conversation, "between")
        await crowd.heard(conversation, *(reader for _, reader in pairs))
        assert len(judged) >= DOUBTFUL
        assert all(judged)
        assert {str(reader.told[-3:]).count("between") for _, reader in pairs} == {
            str(first.told[-3:]).count("between")
        }


async def test_while_many_are_judged_another_conversation_goes_on(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with crowd_of(served) as crowd:
        crowded, pairs = await followed(served, crowd, DOUBTFUL)
        quiet, ((_, reader),) = await followed(served, crowd, 1)
        settle = Member.settle

        async def watched(member: Member, *, patient: bool = True) -> bool:
            monkeypatch.setattr(Member, "settle", settle)
            await crowd.heard(quiet, reader)
            return await settle(member, patient=patient)

        monkeypatch.setattr(Member, "settle", watched)
        for member, _ in pairs:
            member.standing.suspect()
        await crowd.heard(crowded, *(each for _, each in pairs))
        assert Member.settle is settle, "nobody was judged"


async def test_others_have_their_turn_between_judgements(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "BATCH", 1)
    order = list[str]()
    async with crowd_of(served) as crowd:
        crowded, pairs = await followed(served, crowd, DOUBTFUL)
        settle = Member.settle

        async def watched(member: Member, *, patient: bool = True) -> bool:
            settled = await settle(member, patient=patient)
            order.append("judged")
            asyncio.get_running_loop().call_soon(order.append, "turn")
            return settled

        monkeypatch.setattr(Member, "settle", watched)
        for member, _ in pairs:
            member.standing.suspect()
        await crowd.heard(crowded, *(each for _, each in pairs))
    assert order[: 2 * DOUBTFUL] == ["judged", "turn"] * DOUBTFUL
