"""Long documents are judged beside the event loop, in turn."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest
from graphql import GraphQLError

from api.documents.bench import SHORT, STEPS, Bench, price_of
from api.documents.judging import flaws, read
from api.documents.limits import DEFAULT_LIMITS
from api.documents.parsing import parse
from api.schema import build_schema
from models.tree.precedence import Pace, Precedence
from permissions.turns import Turns
from resolvers.errors import TooFastError
from tests.models.tree.test_precedence import Noting
from tests.served import Served

SCHEMA = build_schema()
LONG = "{ __typename }" + " " * SHORT


class Gate:
    """Documents are parsed when it is opened."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.seen: list[tuple[str, bool]] = []
        """Documents, and whether it was beside the loop."""

    def parse(self, text: str, **options: Any) -> Any:
        beside = threading.current_thread() is not threading.main_thread()
        self.seen.append((text, beside))
        if beside:
            assert self.open.wait(30)
        return parse(text, **options)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    made = Gate()
    monkeypatch.setattr("api.documents.judging.parse", made.parse)
    return made


async def test_the_loop_goes_on_while_a_long_document_is_judged(gate: Gate) -> None:
    asked = asyncio.ensure_future(Bench().judge(SCHEMA._schema, LONG, None, DEFAULT_LIMITS))
    short = await Bench().judge(SCHEMA._schema, "{ __typename }", None, DEFAULT_LIMITS)
    assert short[1] == []
    assert not asked.done()
    gate.open.set()
    assert (await asked)[1] == []
    assert sorted(gate.seen) == [("{ __typename }", False), (LONG, True)]


async def test_who_finds_no_turn_is_told_when_to_come_back(gate: Gate) -> None:
    bench = Bench(Turns(patience_seconds=0.01))
    try:
        with pytest.raises(TooFastError, match="come back in 5 s"):
            await bench.judge(SCHEMA._schema, LONG, None, DEFAULT_LIMITS)
    finally:
        gate.open.set()


async def test_flaws_and_what_cannot_be_read_are_told_from_there_too() -> None:
    _, errors = await Bench().judge(SCHEMA._schema, LONG.replace("typename", "nothing"), None, DEFAULT_LIMITS)
    assert ["Cannot query field" in each.message for each in errors] == [True]
    with pytest.raises(GraphQLError, match="Syntax Error"):
        await Bench().judge(SCHEMA._schema, "{" + LONG, None, DEFAULT_LIMITS)


async def test_what_was_judged_for_a_socket_is_remembered_where_it_has_no_flaw() -> None:
    sound, flawed = LONG + " ", LONG.replace("typename", "nothing")
    assert await SCHEMA.judge(sound, None) == []
    assert len(await SCHEMA.judge(flawed, None)) == 1
    assert [SCHEMA.documents.find(each) is not None for each in (sound, flawed)] == [True, False]


def test_to_judge_costs_as_much_as_a_document_is_long() -> None:
    assert price_of("a" * SHORT) == 0, "that is part of what anything costs"
    assert price_of("a" * 4_000) == 1_000


def test_the_thread_stands_back_as_it_reads_and_as_it_judges() -> None:
    text = f"{{ {'__typename ' * 400} }}"
    precedence = Noting(0)
    document = read(text, DEFAULT_LIMITS, Pace(precedence, STEPS))
    assert len(precedence.asked) >= 400 / STEPS
    precedence.asked.clear()
    assert flaws(
        SCHEMA._schema, document, replace(DEFAULT_LIMITS, repeats=400), suggest=False, step=Pace(precedence, STEPS)
    )
    assert len(precedence.asked) >= 400 / STEPS


async def test_a_short_one_lets_others_go_first_between_reading_and_judging(served: Served) -> None:
    alice, precedence = await served.as_("alice"), served.services.tree.precedence
    with precedence:
        asking = asyncio.ensure_future(alice.ask("query NobodySentBefore { me { id } }"))
        while precedence._over is None:
            assert not asking.done()
            await asyncio.sleep(0)
    assert (await asking).codes == []


async def test_it_stands_back_for_others_of_the_same_worker(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[Precedence]()

    def noted(self: Precedence, seconds: float) -> float:
        asked.append(self)
        return 0.0

    monkeypatch.setattr(Precedence, "stand_back", noted)
    alice = await served.as_("alice")
    assert (await alice.ask(f"{{ me {{ {'id ' * 45} }} }} {' ' * SHORT}")).codes == []
    assert asked
    assert set(asked) == {served.services.tree.precedence}
