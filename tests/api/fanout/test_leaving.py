"""Whoever loses his right hears why, and by which decision; nobody else waits for that."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson
import pytest
from pymongo.errors import AutoReconnect

from api.fanout import Question, Renderer
from api.fanout.farewells import JUDGED_SECONDS
from models.database import Record
from models.policy import Policy
from models.role import GrantEffect
from permissions.audit.blocks import Blocks
from permissions.audit.chain import Head, Sealer
from permissions.audit.writer import Writer
from permissions.changes import SYSTEM, PermissionChanges
from permissions.store import PermissionStore
from resolvers.chat.following import Right
from resolvers.context import Context
from resolvers.ids import encode
from resolvers.live import Standings, standings
from tests.api.fanout.crowds import PATIENCE_SECONDS, Counted, Crowd, Reader, crowd_of
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

    async def later(self: Writer, records: Sequence[Record], maybe: frozenset[str] = frozenset()) -> None:
        if any(record.get("action") in ("conversation:read", "message:read") for record in records):
            await written.wait()
        await write(self, records, maybe)

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


def decision_of(body: bytes) -> str:
    """By which he was told that he has lost his right."""
    return orjson.loads(body)["data"]["conversationEvents"]["decisionId"]  # type: ignore[no-any-return]


async def losers(crowd: Crowd, number: int, conversation: str) -> list[Reader]:
    readers = [(await crowd.enter("guest", PLAIN, id=conversation))[1] for _ in range(number)]
    await crowd.heard(conversation, *readers)
    return readers


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not so():  # noqa: ASYNC110 (readers tell nobody)
            await asyncio.sleep(0.01)


async def until_done(readers: Sequence[Reader]) -> None:
    await until(lambda: all(reader.done for reader in readers))


async def test_all_are_judged_before_those_who_lost_their_right_are_told(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands are told for seconds, and whoever keeps his right hears nothing before he is judged."""
    alice = await served.as_("alice")
    conversation, _ = await shared_with_guest(served, alice)
    denial = Policy(id="x", effect=GrantEffect.DENY, actions=["message:read"], when='user.department == "Visitors"')
    judge, done = Standings._judge, list[int]()

    async def slowly(self: Standings, members: list[Any]) -> None:
        await judge(self, members)
        await some_time(lambda: bool(done))  # as much as it takes to tell those who were judged already

    async with crowd_of(served) as crowd:
        entered = [await crowd.enter("guest", PLAIN, id=conversation) for _ in range(CROWD)]
        for _, reader in entered:
            reader.leave = lambda: done.append(sum(member.standing.over for member, _ in entered))
        await crowd.heard(conversation, *(reader for _, reader in entered))
        monkeypatch.setattr(standings, "BATCH", CROWD // 3)
        monkeypatch.setattr(Standings, "_judge", slowly)
        await served.services.changes.put_policy(denial, SYSTEM)
        await until_done([reader for _, reader in entered])
    assert done == [CROWD] * CROWD


async def some_time(so: Callable[[], bool]) -> None:
    """Until it is so, or a quarter of the time that they are patient for."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(JUDGED_SECONDS / 4):
            await until(so)


async def test_nobody_is_told_a_decision_that_is_not_stored_while_the_next_are_written(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So whoever dies on the way leaves nobody with a decision that nobody can find."""
    monkeypatch.setattr("api.fanout.farewells.TOGETHER", 10)
    alice = await served.as_("alice")
    conversation, nothing = await shared_with_guest(served, alice)
    append, go_on, batches = Blocks.append, asyncio.Event(), list[set[str]]()

    async def slowly(
        self: Blocks, head: Head, parts: Sequence[Sequence[Record]], sealer: Sealer, maybe: frozenset[str] = frozenset()
    ) -> Head:
        denied = {each["decision"] for part in parts for each in part if each.get("effect") == "deny"}
        if len(batches) == 2 and denied:
            await go_on.wait()
        end = await append(self, head, parts, sealer, maybe)
        if denied:
            batches.append(denied)
        return end

    monkeypatch.setattr(Blocks, "append", slowly)
    async with crowd_of(served) as crowd:
        readers = await losers(crowd, CROWD, conversation)
        assert (await alice.ask(SHARE, input=nothing)).data
        await until(lambda: len(batches) == 2 and sum(each.done for each in readers) == len(set.union(*batches)))
        told = {decision_of(reader.bodies[-1]) for reader in readers if reader.done}
        assert told == set.union(*batches)
        assert len(told) < CROWD
        go_on.set()
        await until_done(readers)
    assert {decision_of(reader.bodies[-1]) for reader in readers} == set.union(*batches)


async def test_a_reader_who_is_stuck_is_told_when_he_reads_and_keeps_nobody_waiting(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, nothing = await shared_with_guest(served, alice)
    async with crowd_of(served) as crowd:
        stuck, *others = await losers(crowd, 5, conversation)
        stuck.stick()
        assert (await alice.ask(SHARE, input=nothing)).data
        await until_done(others)
        assert not stuck.done
        stuck.go_on()
        await until_done([stuck])
    assert "AccessRevoked" in str(stuck.told[-1])
    assert str(stuck.told).count("AccessRevoked") == 1


async def test_what_goes_wrong_for_one_of_them_is_told_to_him_alone(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await served.as_("alice")
    conversation, nothing = await shared_with_guest(served, alice)
    farewell = Renderer.farewell

    async def failing(self: Renderer, context: Context, question: Question, right: Right, cursor: str) -> bytes:
        if context is unlucky.context:
            raise RuntimeError("nobody foresaw it")
        return await farewell(self, context, question, right, cursor)

    monkeypatch.setattr(Renderer, "farewell", failing)
    async with crowd_of(served) as crowd:
        unlucky, his = await crowd.enter("guest", PLAIN, id=conversation)
        readers = await losers(crowd, 5, conversation)
        assert (await alice.ask(SHARE, input=nothing)).data
        await until_done([his, *readers])
    assert his.told[-1]["data"] is None
    assert all(str(reader.told).count("AccessRevoked") == 1 for reader in readers)
    for reader in readers:
        assert await served.services.audit.find_decision(decision_of(reader.bodies[-1]))


async def test_who_leaves_before_he_is_told_leaves_nothing_behind(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.fanout.farewells.TOGETHER", 2)
    alice = await served.as_("alice")
    conversation, nothing = await shared_with_guest(served, alice)
    waits = asyncio.Event()

    async def away(self: Writer, records: Sequence[Record], maybe: frozenset[str] = frozenset()) -> None:
        if any(record.get("effect") == "deny" for record in records):
            waits.set()
            raise AutoReconnect("away")

    async with crowd_of(served) as crowd:
        readers = await losers(crowd, 5, conversation)
        monkeypatch.setattr(Writer, "write", away)
        removing = asyncio.create_task(alice.ask(SHARE, input=nothing))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await waits.wait()
        await removing
    await until(lambda: not any(task.get_name() == "farewells" for task in asyncio.all_tasks()))
    assert not any(reader.done for reader in readers)


async def test_one_to_whom_nothing_can_be_written_keeps_nobody_from_being_told(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.fanout.farewells.TOGETHER", 3)
    alice = await served.as_("alice")
    conversation, nothing = await shared_with_guest(served, alice)
    end = Reader.end

    def broken(self: Reader, body: bytes) -> bool:
        if self is unlucky:
            raise RuntimeError("nobody foresaw it")
        return end(self, body)

    monkeypatch.setattr(Reader, "end", broken)
    async with crowd_of(served) as crowd:
        unlucky, *readers = await losers(crowd, 7, conversation)
        assert (await alice.ask(SHARE, input=nothing)).data
        await until_done(readers)
    assert all(str(reader.told).count("AccessRevoked") == 1 for reader in readers)
