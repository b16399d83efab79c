"""Valid documents of our own schema, by everybody: compiled, each answer is what graphql-core would give."""

import logging
from random import Random
from typing import Final

import pytest

from tests.differential.executing import Executors
from tests.differential.pipelines import Pipelines
from tests.differential.rounds import of_names, of_pipelines, of_restored, of_several, of_streams, of_world
from tests.differential.stock import Stock
from tests.differential.streams import Streams
from tests.examples import examples
from tests.fuzz.generating import SEED

EXECUTIONS: Final = examples(150)
WHOLE: Final = examples(60)
CHANGES: Final = examples(12)
SEVERAL: Final = examples(20)
STREAMS: Final = examples(20)
LEFT: Final = 0.5
"""The part of all that may be left to graphql-core as a whole: flaws in variables, and questions about the schema."""


# What graphql-core cancels before it has begun is never awaited.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_compiled_answers_are_those_of_graphql_core(
    executors: Executors, stock: Stock, caplog: pytest.LogCaptureFixture
) -> None:
    tally = await of_world(executors, stock).run(Random(SEED), EXECUTIONS)
    assert not tally.found, "\n\n".join([f"seed {SEED}", *tally.found])
    assert tally.answers["data"] > EXECUTIONS / 20
    assert executors.uncompiled < LEFT * EXECUTIONS
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR and "compiled" in each.getMessage()]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_the_whole_way_gives_the_answers_of_strawberrys(pipelines: Pipelines, stock: Stock) -> None:
    tally = await of_pipelines(pipelines, stock).run(Random(SEED + 1), WHOLE)
    assert not tally.found, "\n\n".join([f"seed {SEED + 1}", *tally.found])
    assert tally.answers["data"] > WHOLE / 20


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_compiled_mutations_do_what_they_do_by_graphql_core(executors: Executors, stock: Stock) -> None:
    tally = await of_restored(executors, stock).run(Random(SEED + 2), CHANGES)
    assert not tally.found, "\n\n".join([f"seed {SEED + 2}", *tally.found])
    assert tally.raced < CHANGES / 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_one_of_several_operations_is_the_one_that_is_named(
    executors: Executors, pipelines: Pipelines, stock: Stock
) -> None:
    for rounds in (of_several(executors, stock), of_names(pipelines, stock)):
        tally = await rounds.run(Random(SEED + 3), SEVERAL)
        assert not tally.found, "\n\n".join([f"seed {SEED + 3}", *tally.found])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_what_is_streamed_is_what_strawberrys_way_streams(streams: Streams, stock: Stock) -> None:
    tally = await of_streams(streams, stock).run(Random(SEED + 4), STREAMS)
    assert not tally.found, "\n\n".join([f"seed {SEED + 4}", *tally.found])
