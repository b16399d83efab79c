"""What is compiled, what is left to graphql-core, and that nobody can tell."""

from collections.abc import Iterator
from typing import Any

import pytest
import strawberry
from graphql import FieldNode, GraphQLObjectType
from graphql.execution.collect_fields import FieldDetails

from api.compiler import compile_operation
from api.compiler.building import MOST_FIELDS
from api.compiler.compiled import SIGHT_CHARACTERS, SIGHTS, VARIANTS
from api.compiler.field import Field
from api.compiler.info import LightInfo
from api.compiler.run import Run
from api.compiler.seams import VariableValues
from api.schema import build_schema
from permissions.engine.facts import Resource
from tests.api.compiler.schema import SCHEMA, Asking, Once, Thing, asked, by_core, compiled, parsed

DOCUMENTS = (
    "{ __typename parent { __typename n: name number children { kind name } } }",
    "{ parent { told } other: parent { x: told(first: 2) } }",
    "query ($n: Int = 4) { parent { told(first: $n) loud secret } }",
    '{ parent { later(text: "x") y: later(text: "y") children { name } } wrong { name } __schema { __typename } }',
    'mutation { a: write(text: "1") b: write(text: "2") __typename }',
    "query ($t: String!) { parent { later(text: $t) } }",
)


@pytest.mark.parametrize("text", DOCUMENTS)
@pytest.mark.parametrize("allowed", [True, False])
async def test_an_answer_and_all_that_resolvers_see_is_graphql_cores(text: str, allowed: bool) -> None:
    ours, theirs = Asking(allowed), Asking(allowed)
    operation = compiled(text)
    for variables in ({"t": "1", "n": 3}, {"n": 3}, {}):
        answer, other = await asked(operation, ours, variables), await by_core(text, theirs, variables)
        assert (answer.data, str(answer.data)) == (other.data, str(other.data))
        assert [each.formatted for each in answer.errors or ()] == [each.formatted for each in other.errors or ()]
    assert operation.texts
    assert list(map(_plain, ours.noted)) == list(map(_plain, theirs.noted))
    assert ours.answering._used == theirs.answering._used


async def test_a_document_is_compiled_when_it_comes_again() -> None:
    operation = compile_operation(SCHEMA, *parsed("{ parent { name } }"))
    for times in (0, 1, 2, 2):
        assert bool(operation.texts) is (times > 1)
        assert bool(operation.weight) is (times > 1)
        answer = await asked(operation)
        assert answer.data == {"parent": {"name": "p"}}


async def test_a_long_document_must_come_more_often_and_one_too_large_is_never_compiled() -> None:
    long = "{ parent { name " + " ".join(f"name{number}: name" for number in range(60)) + " } }"
    operation, times = compile_operation(SCHEMA, *parsed(long)), 0
    while not operation.texts:
        assert (await asked(operation)).errors is None
        times += 1
    assert times == SIGHTS + len(long) // SIGHT_CHARACTERS > SIGHTS
    large = "{ parent { " + " ".join(f"name{number}: name" for number in range(MOST_FIELDS)) + " } }"
    operation = compiled(large)
    assert len((await asked(operation)).data["parent"]) == MOST_FIELDS  # type: ignore[index]
    assert operation.texts == []


async def test_variants_by_what_is_left_out_are_few() -> None:
    flags = [f"v{number}" for number in range(5)]
    declared = ", ".join(f"${each}: Boolean!" for each in flags)
    fields = " ".join(f"{each}: __typename @skip(if: ${each})" for each in flags)
    text = f"query ({declared}) {{ {fields} }}"
    operation = compiled(text)
    for number in range(2 ** len(flags)):
        variables = {each: bool(number >> place & 1) for place, each in enumerate(flags)}
        assert (await asked(operation, None, variables)).data == (await by_core(text, Asking(), variables)).data
    assert len(operation.texts) == VARIANTS


async def test_each_variant_must_come_as_often_as_the_first() -> None:
    """Or a document, once it is known, has one compiled by each request that leaves out something else."""
    flags = ("a", "b", "c")
    declared = ", ".join(f"${each}: Boolean!" for each in flags)
    fields = " ".join(f"{each}: __typename @skip(if: ${each})" for each in flags)
    operation = compile_operation(SCHEMA, *parsed(f"query ({declared}) {{ {fields} }}"))
    given = [{each: bool(number >> place & 1) for place, each in enumerate(flags)} for number in range(8)]
    for _ in range(SIGHTS):
        await asked(operation, None, given[0])
    for variables in given:
        await asked(operation, None, variables)
    assert len(operation.texts) == 1
    for variables in given:
        await asked(operation, None, variables)
    assert len(operation.texts) == len(given)


async def test_a_switch_of_another_operation_is_none_of_this_ones() -> None:
    """Its variable may be of any type here: a list can't name a variant, and a long text would be kept in its name."""
    text = (
        "query A($x: [Int!], $s: String) { parent { name } } "
        "query B($x: Boolean!, $s: Boolean!) { parent { name @skip(if: $x) number @include(if: $s) } }"
    )
    operation = compiled(text)
    for variables in ({"x": [1, 2], "s": "long"}, {"x": [3], "s": "longer"}, {"x": None}, {}):
        assert (await asked(operation, None, variables)).data == {"parent": {"name": "p"}}
    assert len(operation.texts) == 1


async def test_fields_of_a_mutation_are_not_begun_late() -> None:
    text, late = 'mutation { write(text: "1") }', Asking(begin_until=0)
    answer, other = await asked(compiled(text), late), await by_core(text, late)
    assert late.noted == []
    assert [each.formatted for each in answer.errors or ()] == [each.formatted for each in other.errors or ()] != []


async def test_a_guard_is_asked_once_about_a_resource_where_it_says_yes_and_each_time_where_it_does_not() -> None:
    text, ours, theirs = "{ things { seen } }", Asking(), Asking()
    answer, other = await asked(compiled(text), ours), await by_core(text, theirs)
    assert answer.data == other.data
    assert [each.formatted for each in answer.errors or ()] == [each.formatted for each in other.errors or ()]
    assert len(answer.errors or ()) == 2
    names = [name.split("id='")[1].split("'")[0] for _, name in ours.noted]
    assert names == ["one", "two", "forbidden", "forbidden"]
    assert len(theirs.noted) == 7


async def test_what_a_guard_said_is_forgotten_when_the_caller_becomes_another() -> None:
    text, ours = "{ things { seen } }", Asking()
    operation = compiled(text)
    run = Run(operation, ours, None, VariableValues({}, {}), None)
    guard, about = Once(), Resource("thing", "one")
    run.require_once(guard, about, Thing(token=about), LightInfo(run, None, None), {})  # type: ignore[arg-type]
    assert run.allowed == {guard: about}
    ours.access = object()
    other = Resource("thing", "two")
    run.require_once(guard, other, Thing(token=other), LightInfo(run, None, None), {})  # type: ignore[arg-type]
    assert (run.allowed, run.access) == ({guard: other}, ours.access)


def test_a_guarded_field_is_never_read_as_a_plain_attribute() -> None:
    """graphql-core, and Strawberry, mark a field with guards as one with the default resolver, too."""
    (field,) = [each for each in _fields(SCHEMA) if each.key == "secret"]
    assert getattr(field.definition.resolve, "_is_default", False)
    assert not field.plain
    assert len(field.guards or ()) == 1


def test_every_field_of_ours_is_understood() -> None:
    fields = list(_fields(build_schema()))
    assert len(fields) > 400
    assert [f"{each.parent.name}.{each.key}" for each in fields if not each.understood] == []


def _fields(schema: strawberry.Schema) -> Iterator[Field]:
    (node,) = parsed("{ x }")[1].selection_set.selections
    assert isinstance(node, FieldNode)
    for type_ in schema._schema.type_map.values():
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__"):
            for name, definition in type_.fields.items():
                yield Field(name, type_, definition, [FieldDetails(node, None)])


def _plain(noted: Any) -> str:
    return str(noted)
