"""How documents are asked again."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from tests.differential import broken
from tests.differential.cases import Case
from tests.differential.comparing import Verdict, compare
from tests.differential.executing import Executors
from tests.differential.outcomes import Outcome
from tests.differential.rounds import of_broken, varied

NOTHING = Outcome("{}", (), (), (), (), 0)
AWAY = replace(NOTHING, errors=(("Redis does not answer", ("AuthnUnavailableError", "UNAVAILABLE")),))


def test_variables_vary_within_their_kinds() -> None:
    usual: dict[str, Any] = {"a": True, "b": 5, "c": "x", "d": None, "e": [1]}
    some = [varied(Random(seed), usual) for seed in range(20)]
    assert {each["a"] for each in some} == {True, False}
    assert len({each["b"] for each in some}) > 2
    assert all({**each, "a": True, "b": 5} == usual for each in some)


@pytest.mark.parametrize("fault", [Verdict(NOTHING, NOTHING, ["data"]), TimeoutError()])
async def test_what_a_stopped_process_made_wrong_is_compared_again(
    fault: Verdict | Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [fault]

    async def compared(executors: Executors, case: Case, *, compiled_first: bool = False) -> Verdict:
        if not left:
            return await compare(executors, case, compiled_first=compiled_first)
        found = left.pop()
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr("tests.differential.rounds.STOPPED_SECONDS", 0)
    rounds = of_broken(Executors(broken.schema, broken.Contexts()))
    rounds.compare = compared
    tally = await rounds.run(Random(1), 30)
    assert not tally.found
    assert tally.raced == 1


async def test_what_is_compared_while_a_store_is_away_is_compared_again(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [Verdict(AWAY, NOTHING, ["data"]), Verdict(NOTHING, AWAY, ["data"])]

    async def compared(executors: Executors, case: Case, *, compiled_first: bool = False) -> Verdict:
        return left.pop() if left else await compare(executors, case, compiled_first=compiled_first)

    monkeypatch.setattr("tests.differential.rounds.AWAY_SECONDS", 0)
    rounds = of_broken(Executors(broken.schema, broken.Contexts()))
    rounds.compare = compared
    tally = await rounds.run(Random(1), 30)
    assert (tally.found, tally.once, left) == ([], [], [])
