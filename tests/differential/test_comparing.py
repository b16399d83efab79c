"""A compiler that is wrong in one thing is found out; so the others were looked at."""

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, Self

import pytest
from graphql import ExecutionResult

from api.compiler import compile_operation
from tests.differential import broken
from tests.differential.broken import Broken
from tests.differential.cases import Case
from tests.differential.comparing import AGAIN, compare, unexplained
from tests.differential.executing import Executors
from tests.differential.reporting import first_difference
from tests.differential.rounds import of_broken
from tests.differential.shrinking import shrunk

Change = Callable[[ExecutionResult, Broken], ExecutionResult]
EXECUTIONS = 240
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore:coroutine .* was never awaited:RuntimeWarning"
)


class Wrong:
    """Compiled, and then changed."""

    weight = 1

    def __init__(self, change: Change, *given: Any) -> None:
        self._change, self._compiled = change, compile_operation(*given)

    def now(self) -> Self:
        self._compiled.now()
        return self

    async def execute(self, context: Broken, variables: Any = None, *, root: Any = None) -> ExecutionResult:
        found: ExecutionResult | Awaitable[ExecutionResult] = self._compiled.execute(context, variables, root=root)
        return self._change(found if isinstance(found, ExecutionResult) else await found, context)


def reordered(result: ExecutionResult, context: Broken) -> ExecutionResult:
    data = result.data
    return ExecutionResult(dict(reversed(data.items())) if data else data, result.errors)


def forgiving(result: ExecutionResult, context: Broken) -> ExecutionResult:
    return ExecutionResult(result.data, (result.errors or [])[1:] or None)


def nameless(result: ExecutionResult, context: Broken) -> ExecutionResult:
    for each in result.errors or ():
        each.path = None
    return result


def unguarded(result: ExecutionResult, context: Broken) -> ExecutionResult:
    context.noted[:] = [each for each in context.noted if "guard" not in each]
    return result


def doubled(result: ExecutionResult, context: Broken) -> ExecutionResult:
    context.noted += context.noted[:1]
    return result


def uncounted(result: ExecutionResult, context: Broken) -> ExecutionResult:
    context.answering._used -= bool(context.answering._used)
    return result


@pytest.mark.parametrize("change", [reordered, forgiving, nameless, unguarded, doubled, uncounted])
async def test_a_compiler_that_is_wrong_is_found_out(change: Change) -> None:
    executors = Executors(broken.schema, broken.Contexts(), lambda *given: Wrong(change, *given))
    rounds = of_broken(executors)
    rounds.shrinks = False
    assert (await rounds.run(Random(1), EXECUTIONS)).found


async def test_what_is_told_of_is_small() -> None:
    executors = Executors(broken.schema, broken.Contexts(), lambda *given: Wrong(reordered, *given))
    text = "query One($a: Int!, $b: Boolean!) { ...F thing { id sList(first: $a) { id ...G } } } "
    text += "fragment F on Query { number must @include(if: $b) { id text } } fragment G on Thing { flag sText }"
    small = await shrunk(executors, Case(text, {"a": 2, "b": True}, "One", "1 1.0"))
    assert small.variables == {}
    assert len(small.text.split()) <= len(["query", "One", "{", "number", "thing", "{", "id", "}", "}"])
    assert (await compare(executors, small)).faults


async def test_what_was_wrong_once_is_told_as_it_was_then() -> None:
    """Where nothing is wrong any more as it is looked at again, nobody would know what was."""
    left = 1 + AGAIN

    def at_first(result: ExecutionResult, context: Broken) -> ExecutionResult:
        nonlocal left
        if not left or len(result.data or ()) < 2:
            return result
        left -= 1
        return reordered(result, context)

    executors = Executors(broken.schema, broken.Contexts(), lambda *given: Wrong(at_first, *given))
    rounds = of_broken(executors)
    [found] = (await rounds.run(Random(1), EXECUTIONS)).once[:1] or [""]
    assert "!! data\n" in found
    assert "!! seen once, and not again" in found
    assert "!! data: " in found


@pytest.mark.parametrize(
    ("core", "compiled", "told"),
    [
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1}, {"b": 3}]}, "data.a[1].b: 2, and compiled 3"),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, 'data: {"a": 1, "b": 2}, and compiled {"b": 2, "a": 1}'),
        ({"a": [1]}, {"a": [1, 2]}, "data.a: [1], and compiled [1, 2]"),
        ({"a": 1}, {"a": True}, "data.a: 1, and compiled true"),
        ({"a": {}}, {"a": None}, "data.a: {}, and compiled null"),
        ({"a": [{"b": None}], "c": {}}, {"a": [{"b": None}], "c": {}}, None),
        (None, None, None),
    ],
)
def test_where_two_answers_differ_first_is_told(core: Any, compiled: Any, told: str | None) -> None:
    assert first_difference(core, compiled) == told


def test_what_no_race_explains_is_told() -> None:
    races = [("a", "b", "c"), ("b", "a", "c")]
    assert not unexplained(("a", "b", "c"), races)
    assert not unexplained(("b", "a", "c"), races)
    assert unexplained(("a", "c", "b"), races) == ["c stands before b"]
    assert unexplained(("a", "b"), races) == ["c is missing"]
    assert unexplained(("a", "a", "b", "c"), races) == ["a is too much"]
    assert not unexplained(("a", "b", "c", "d"), races, free=("d",))
