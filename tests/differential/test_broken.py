"""Resolvers that break in every way: what is answered then is what graphql-core would answer."""

import logging
from random import Random
from typing import Final

import pytest

from tests.differential import broken
from tests.differential.executing import Executors
from tests.differential.rounds import of_broken
from tests.examples import examples
from tests.fuzz.generating import SEED

EXECUTIONS: Final = examples(2_100)
# What breaks before something is awaited leaves that behind.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore:coroutine .* was never awaited:RuntimeWarning"
)


async def test_what_breaks_breaks_as_in_graphql_core(caplog: pytest.LogCaptureFixture) -> None:
    executors = Executors(broken.schema, broken.Contexts())
    tally = await of_broken(executors).run(Random(SEED), EXECUTIONS)
    assert not tally.found, "\n\n".join([f"seed {SEED}", *tally.found])
    assert min(tally.answers[each] for each in ("data", "data and errors", "errors only")) > EXECUTIONS / 20
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR and "compiled" in each.getMessage()]
