"""Valid documents of our own schema, by everybody: compiled, each answer is what graphql-core would give."""

import logging
from collections.abc import Callable
from random import Random
from typing import Any, Final

import pytest

from tests.differential.executing import Executors
from tests.differential.pipelines import Pipelines
from tests.differential.rounds import (
    Rounds,
    Tally,
    of_names,
    of_pipelines,
    of_restored,
    of_several,
    of_streams,
    of_world,
)
from tests.differential.stock import Stock
from tests.differential.streams import Streams
from tests.examples import examples
from tests.fuzz.generating import SEED

EXECUTIONS: Final = examples(150)
WHOLE: Final = examples(60)
CHANGES: Final = examples(12)
SEVERAL: Final = examples(36)
STREAMS: Final = examples(36)
TRIES: Final = 20
LEFT: Final = 0.5
"""The part of all that may be left to graphql-core as a whole: flaws in variables, and questions about the schema."""


# What graphql-core cancels before it has begun is never awaited.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_compiled_answers_are_those_of_graphql_core(
    executors: Executors, stock: Stock, caplog: pytest.LogCaptureFixture
) -> None:
    tally = await shown(of_world(executors, stock), SEED, EXECUTIONS, some_data)
    assert executors.uncompiled < LEFT * tally.executions
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR and "compiled" in each.getMessage()]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_the_whole_way_gives_the_answers_of_strawberrys(pipelines: Pipelines, stock: Stock) -> None:
    await shown(of_pipelines(pipelines, stock), SEED + 1, WHOLE, some_data)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_compiled_mutations_do_what_they_do_by_graphql_core(executors: Executors, stock: Stock) -> None:
    rounds = of_restored(executors, stock)
    tally = await rounds.run(Random(SEED + 2), CHANGES)
    assert not tally.found, "\n\n".join([f"seed {SEED + 2}", *tally.found])
    assert tally.raced < CHANGES / 2
    kept: Any = rounds.compare
    assert await kept.__self__.is_as_before()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_one_of_several_operations_is_the_one_that_is_named(
    executors: Executors, pipelines: Pipelines, stock: Stock
) -> None:
    for rounds in (of_several(executors, stock), of_names(pipelines, stock)):
        await shown(rounds, SEED + 3, SEVERAL, lambda tally: tally.answers["errors only"] < tally.executions)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_what_is_streamed_is_what_strawberrys_way_streams(streams: Streams, stock: Stock) -> None:
    told, rounds = list[Any](), of_streams(streams, stock)
    rounds.learn = told.append
    await shown(rounds, SEED + 4, STREAMS, lambda _: any(map(of_two_events, told)))


def some_data(tally: Tally) -> bool:
    return tally.answers["data"] > tally.executions / 20


def of_two_events(answers: list[Any]) -> bool:
    return len(answers) > 1 and all(data for _, data, _ in answers)


async def shown(rounds: Rounds, seed: int, executions: int, enough: Callable[[Tally], bool]) -> Tally:
    """Execute so many, and more where these came to nothing: what is in the world has other names each time."""
    chance = Random(seed)
    for _ in range(TRIES):
        tally = await rounds.run(chance, executions)
        assert not tally.found, "\n\n".join([f"seed {seed}", *tally.found])
        if enough(tally):
            return tally
    pytest.fail(f"nothing came of {tally}")
