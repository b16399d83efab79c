"""Operations that ask for much take turns by callers."""

import asyncio
from collections import Counter
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.documents.bench import SHORT
from api.documents.gate import AGAIN_SECONDS, Gate
from resolvers.errors import TooFastError
from tests.permissions.authn.revocation.workers import eventually
from tests.served import Served

STEPS: Final = st.lists(st.tuples(st.sampled_from(["come", "come", "leave", "cancel"]), st.integers(0, 3)), max_size=40)


class People:
    """Who comes, and who is let in, in which order."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.let_in: list[str] = []
        self.inside = list[tuple[str, asyncio.Event, asyncio.Task[None]]]()
        self.tasks: list[tuple[str, asyncio.Task[None]]] = []

    async def come(self, name: str) -> None:
        task = asyncio.create_task(self._stay(name))
        self.tasks.append((name, task))
        await settled()

    async def _stay(self, name: str) -> None:
        done, task = asyncio.Event(), asyncio.current_task()
        assert task is not None
        async with self.gate.turn(name):
            self.let_in.append(name)
            self.inside.append((name, done, task))
            try:
                await done.wait()
            finally:
                self.inside.remove((name, done, task))

    async def leave(self, number: int) -> None:
        if self.inside:
            self.inside[number % len(self.inside)][1].set()
            await settled()

    async def give_up(self, number: int) -> None:
        there = [task for _, task in self.tasks if not task.done()]
        if there:
            there[number % len(there)].cancel()
            await settled()

    async def end(self) -> None:
        while self.inside:
            await self.leave(0)
        assert all(task.done() for _, task in self.tasks)
        assert not self.gate.places.under_way
        assert not self.gate.places.waiting


async def settled() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


async def test_one_of_another_comes_before_the_rest_of_a_hundred() -> None:
    people = People(Gate(2, 1, 200))
    for _ in range(100):
        await people.come("many")
    await people.come("other")
    assert people.let_in == ["many", "other"]  # of two places he has one
    await people.come("third")
    await people.come("third")
    await people.leave(0)
    await people.leave(0)
    assert people.let_in == ["many", "other", "many", "third"]
    await people.end()
    assert Counter(people.let_in) == {"many": 100, "other": 1, "third": 2}


@settings(max_examples=60, deadline=None)
@given(STEPS)
async def test_there_are_never_more_and_nobody_waits_while_there_is_room(steps: list[tuple[str, int]]) -> None:
    people = People(Gate(3, 2, 100))
    for what, number in steps:
        if what == "come":
            await people.come(f"n{number}")
        elif what == "leave":
            await people.leave(number)
        else:
            await people.give_up(number)
        inside = Counter(name for name, _, _ in people.inside)
        waiting = Counter(name for name, task in people.tasks if not task.done()) - inside
        assert inside.total() <= 3
        assert max(inside.values(), default=0) <= 2
        assert inside.total() == 3 or all(inside[name] == 2 for name in waiting)
    await people.end()


async def test_who_waits_too_long_is_told_to_come_back() -> None:
    people = People(gate := Gate(1, 1, 1, patience=0.01))
    await people.come("one")
    for _ in range(2):  # nothing is left of the first
        with pytest.raises(TooFastError) as error:
            async with gate.turn("two"):
                raise AssertionError
        assert error.value.retry_after == AGAIN_SECONDS
    await people.end()


async def test_one_more_than_may_wait_is_told_so_at_once() -> None:
    people = People(gate := Gate(1, 1, 1, patience=3_600))
    for name in ("one", "two"):
        await people.come(name)
    for _ in range(2):
        with pytest.raises(TooFastError):
            async with asyncio.timeout(10), gate.turn("two"):
                raise AssertionError
    await people.end()
    assert people.let_in == ["one", "two"]


@pytest.mark.parametrize("gone", [1, 3])
async def test_who_gives_up_in_the_very_moment_in_which_another_leaves_keeps_nobody_out(gone: int) -> None:
    """As when many wait as long as they may: their time is up at once."""
    people = People(Gate(1, 1, 10))
    for name in ("one", "two", "two", "three", "four"):
        await people.come(name)
    people.inside[0][1].set()
    for _, task in people.tasks[1 : 1 + gone]:
        task.cancel()
    await settled()
    assert people.let_in == ["one", "three" if gone == 1 else "four"]
    await people.end()
    assert people.tasks[0][1].exception() is None
    assert people.let_in == (["one", "three", "four", "two"] if gone == 1 else ["one", "four"])


BIG: Final = "{ conversations(first: 100) { edges { node { id messages(first: 100) { edges { node { id } } } } } } }"


async def test_who_waited_for_his_turn_is_answered_by_the_rights_that_he_has_then(served: Served) -> None:
    app: Any = served.app
    gate: Gate = app.front._endpoint.schema.gate
    alice = await served.as_("alice")
    assert alice.user is not None
    name = alice.user.id
    async with gate.turn(name), gate.turn(name):
        asked = asyncio.create_task(alice.ask(BIG))
        await eventually(lambda: gate.places.waiting)
        assert (await (await served.as_("bob")).ask(BIG)).codes == []
        assert (await alice.ask("{ me { id } }")).codes == []
        assert (await alice.ask("mutation { logout { ended } }")).codes == []
        assert not asked.done()
    assert (await asked).codes == ["TOKEN_REVOKED"]


async def test_so_is_whose_document_had_to_wait_to_be_judged(served: Served) -> None:
    app: Any = served.app
    alice = await served.as_("alice")
    assert alice.user is not None
    turn = app.front._endpoint.schema.bench._turns.of(alice.user.id)
    async with turn:
        asked = asyncio.create_task(alice.ask(f"{{ me {{ id displayName }} }} # {'long ' * SHORT}"))
        await eventually(lambda: turn._waiters)
        assert (await alice.ask("mutation { logout { ended } }")).codes == []
        assert not asked.done()
    assert (await asked).codes == ["TOKEN_REVOKED"]
