"""Nothing of what a client sends gets into the source but names, and these stand in quotes."""

import ast
import builtins
import io
import keyword
import tokenize

import pytest
from graphql import parse
from hypothesis import given, settings
from hypothesis import strategies as st

from api.compiler.source import BUILTINS, NAME
from tests.api.compiler.schema import Asking, asked, compiled, parsed
from tests.examples import examples

HOSTILE = (
    "__builtins__",
    "__import__",
    "__class__",
    "None",
    "import",
    "lambda",
    "run",
    "source",
    "answer",
    "waiting",
    "F0",
    "exec",
    "_" * 128,
)
EVIL = 'x\\")]}; __import__(\\"os\\").abort() #'
NAMES = st.from_regex(r"\A[_A-Za-z][_0-9A-Za-z]{0,20}\Z")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_name_is_a_name_whatever_it_says(name: str) -> None:
    text = f"query {name} {{ {name}: parent {{ {name}: name a: name {name}1: __typename }} }}"
    operation = compiled(text)
    answer = await asked(operation)
    assert answer.data == {name: {name: "p", "a": "p", f"{name}1": "Parent"}}
    assert _literals(operation.texts[0]) <= {name, "a", f"{name}1", "Parent", "Query"}


@pytest.mark.parametrize(
    "text",
    [
        f'{{ parent {{ later(text: "{EVIL}") }} }}',
        f'query ($t: String = "{EVIL}") {{ parent {{ later(text: $t) }} }}',
        f'{{ parent {{ later(text: """{EVIL}""") ...F }} }} fragment F on Parent {{ name }}',
        f'# {EVIL}\n{{ parent {{ later(text: "x") }} }}',
    ],
)
async def test_values_and_comments_are_not_in_the_source(text: str) -> None:
    operation = compiled(text)
    assert (await asked(operation)).errors is None
    assert not any(word in operation.texts[0] for word in ("import", "os", "abort", "#", ";"))


@given(NAMES, NAMES, TEXTS)
@settings(max_examples=examples(10), deadline=None)
async def test_source_has_the_same_shape_whatever_is_sent(alias: str, other: str, value: str) -> None:
    text = "query {} ($t: String!) {{ {}: parent {{ {}: later(text: $t) c: later(text: {}) }} }}"
    usual = compiled(text.format("N", "a", "b", '"v"'))
    hostile = compiled(text.format(other, alias, other, _quoted(value)))
    await asked(usual, Asking(), {"t": "x"})
    if other != "c":
        answer = await asked(hostile, Asking(), {"t": value})
        assert answer.data == {alias: {other: value, "c": value}}
        assert _shape(hostile.texts[0]) == _shape(usual.texts[0])


def test_names_are_those_that_graphql_allows() -> None:
    for name in ("a", "_", "A9"):
        assert NAME.fullmatch(name)
        parse(f"{{ {name} }}")
    for name in ("", "9", "a b", "a'", "é", "a\n", "a.b", "\u00b5"):
        assert not NAME.fullmatch(name)


def test_functions_see_nothing_that_could_do_harm() -> None:
    dangerous = {"__import__", "compile", "eval", "exec", "getattr", "globals", "open", "setattr", "vars"}
    assert not dangerous & BUILTINS.keys()
    assert all(getattr(builtins, name) is value for name, value in BUILTINS.items())


def test_words_of_python_that_are_attributes_are_left_to_graphql_core() -> None:
    assert keyword.iskeyword("class")
    assert parsed("{ class }")


def _quoted(value: str) -> str:
    return '"' + "".join(f"\\u{ord(each):04x}" if ord(each) < 65_536 else each for each in value) + '"'


def _literals(text: str) -> set[str]:
    return {
        each.value
        for each in ast.walk(ast.parse(text))
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }


def _shape(text: str) -> list[str]:
    """Its tokens, but for what stands in quotes and for numbers."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [each.string for each in tokens if each.type not in {tokenize.STRING, tokenize.NUMBER}]
