"""What was found by chance, and was mended."""

import pytest

from tests.differential import broken
from tests.differential.cases import Case
from tests.differential.comparing import compare
from tests.differential.executing import Executors

FOUND = {
    "a resolver that was awaited gives something to await": Case("{ must { aMaybe } }", caller="480381 0.9"),
    "all of a selection is left out": Case("{ thing { sChild { text @skip(if: true) } } must { id } }", caller="1 1.0"),
}


@pytest.mark.parametrize("case", FOUND.values(), ids=FOUND)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
async def test_what_was_found_is_not_found_again(case: Case) -> None:
    executors = Executors(broken.schema, broken.Contexts())
    verdict = await compare(executors, case)
    assert not verdict.faults
    assert not executors.uncompiled
