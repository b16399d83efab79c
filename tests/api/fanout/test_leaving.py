"""Whoever loses his right hears why, and by which decision; nobody else waits for that."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import pytest

from models.database import Record
from models.policy import Policy
from models.role import GrantEffect
from permissions.audit.writer import Writer
from permissions.changes import SYSTEM, PermissionChanges
from permissions.store import PermissionStore
from resolvers.ids import encode
from tests.api.fanout.crowds import Counted, crowd_of
from tests.api.fanout.test_rooms import PLAIN, SECRET, SHARE
from tests.database_calls import database_calls
from tests.resolvers.chat.documents import append, start
from tests.served import Caller, Served

CROWD: Final = 60
GUEST: Final = "guests"


async def shared_with_guest(served: Served, alice: Caller) -> tuple[str, dict[str, str]]:
    """A conversation that the guest reads by a share, and what takes it back."""
    conversation = await start(alice, attributes={"region": "EMEA", "clearance_required": 1})
    share = {"conversationId": conversation, "userId": encode("User", served.people["guest"].id)}
    assert (await alice.ask(SHARE, input=share)).data
    return conversation, share | {"access": "NONE"}


async def test_a_crowd_that_loses_its_right_is_told_together_each_by_his_own_decision(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, nothing = await shared_with_guest(served, alice)
    async with crowd_of(served) as crowd:
        readers = [(await crowd.enter("guest", PLAIN, id=conversation))[1] for _ in range(CROWD)]
        await crowd.heard(conversation, *readers)
        with database_calls() as calls:
            assert (await alice.ask(SHARE, input=nothing)).data
            await crowd.heard(conversation, *readers)
    last = [body.rpartition(b'"decisionId":"')[2][:32].decode() for body in (reader.bodies[-1] for reader in readers)]
    assert len(set(last)) == CROWD
    for decision in last[:3]:
        assert await served.services.audit.find_decision(decision)
    assert Counter(calls)["insert", "audit_blocks"] < CROWD / 4


async def test_while_somebodys_denial_can_not_be_written_down_others_are_told_what_happens(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await served.as_("alice")
    conversation, nothing = await shared_with_guest(served, alice)
    written, write = asyncio.Event(), Writer.write

    async def later(self: Writer, records: Sequence[Record]) -> None:
        if any(record.get("action") in ("conversation:read", "message:read") for record in records):
            await written.wait()
        await write(self, records)

    async with crowd_of(served) as crowd:
        (_, guest), (_, sara) = [await crowd.enter(name, PLAIN, id=conversation) for name in ("guest", "sara")]
        await crowd.heard(conversation, guest, sara)
        monkeypatch.setattr(Writer, "write", later)
        assert (await alice.ask(SHARE, input=nothing)).data
        await append(alice, conversation, SECRET)
        await crowd.heard(conversation, sara)
        assert SECRET in str(sara.told)
        assert not guest.done
        written.set()
        await crowd.heard(conversation, guest)
    assert "AccessRevoked" in str(guest.told[-1])
    assert SECRET not in str(guest.told)


async def test_who_lost_his_right_while_the_answer_was_made_is_not_told_it(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waited for a store, say, and this worker has not heard of the change."""
    alice = await served.as_("alice")
    conversation, _ = await shared_with_guest(served, alice)
    silently, render = PermissionChanges(PermissionStore()), Counted.render
    denial = Policy(
        id="x", effect=GrantEffect.DENY, actions=["message:read"], when=f'has(user.teams) && "{GUEST}" in user.teams'
    )

    async def slowly(self: Counted, *args: Any) -> bytes:
        body = await render(self, *args)
        if SECRET.encode() in body:
            await silently.put_policy(denial, SYSTEM)
            served.services.permissions.forget()  # as it is a second later
        return body

    guest_id = served.people["guest"].id
    await silently.set_attributes(guest_id, {"teams": [GUEST]}, SYSTEM)
    async with crowd_of(served) as crowd:
        (_, sara), (_, guest) = [await crowd.enter(name, PLAIN, id=conversation) for name in ("sara", "guest")]
        await crowd.heard(conversation, guest, sara)
        monkeypatch.setattr(Counted, "render", slowly)
        await append(alice, conversation, SECRET)
        await crowd.heard(conversation, sara, guest)
    assert SECRET in str(sara.told)
    assert SECRET not in str(guest.told)
