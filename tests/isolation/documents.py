"""Documents made from the schema: all that can be asked for, so a new field is asked for as soon as it is there."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    get_named_type,
    is_composite_type,
    print_ast,
)
from graphql.utilities import ast_from_value

Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType
Place = tuple[str, str]
"""A type, and its field."""
TIMES: Final = 2
"""So often a type is opened with all its fields; where it comes again only its plain ones are asked for."""


@dataclass
class _Part:
    """What is asked of an object, by the type that it may turn out to be of."""

    type: Composite
    chosen: dict[str, dict[str, "_Part | None"]] = field(default_factory=dict)

    def text(self, schema: GraphQLSchema) -> str:
        return f"{{ __typename {' '.join(self._of(schema, name) for name in self.chosen)} }}"

    def _of(self, schema: GraphQLSchema, name: str) -> str:
        """An alias of its own for each type: fields of one name may differ in theirs."""
        type_ = _object(schema, name)
        fields = [
            f"{name}_{one}: {one}{passed(type_.fields[one].args, f'{name}_{one}_')} {part.text(schema) if part else ''}"
            for one, part in self.chosen[name].items()
        ]
        return f"... on {name} {{ {' '.join(fields)} }}"


@dataclass(frozen=True)
class Operation:
    """A document that asks for all of a root field, and what may be given as variables."""

    kind: str
    name: str
    field: GraphQLField
    document: str
    given: Mapping[str, GraphQLArgument]


@cache
def operation(
    schema: GraphQLSchema, kind: str, name: str, times: int = TIMES, without: frozenset[Place] = frozenset()
) -> Operation:
    """All arguments are variables: those of the root field by their names, others as `Type_field_argument`."""
    roots = {"query": schema.query_type, "mutation": schema.mutation_type, "subscription": schema.subscription_type}
    root = roots[kind]
    assert root is not None
    one = root.fields[name]
    below = _selected(schema, one.type, times, without)
    given = {**one.args, **(_nested(schema, below) if below else {})}
    declared = ", ".join(f"${each}: {argument.type}{_default(argument)}" for each, argument in given.items())
    told = below.text(schema) if below else ""
    document = f"{kind}{f'({declared})' if declared else ''} {{ {name}{passed(one.args)} {told} }}"
    return Operation(kind, name, one, document, given)


def possible(schema: GraphQLSchema, type_: Any) -> list[GraphQLObjectType]:
    """The object types that a type may turn out to be."""
    return [type_] if isinstance(type_, GraphQLObjectType) else list(schema.get_possible_types(type_))


def reachable(schema: GraphQLSchema, type_: Any) -> set[Place]:
    """Every field of every object type that can be reached from there."""
    found: dict[str, GraphQLObjectType] = {}
    waiting = [get_named_type(type_)]
    while waiting:
        one = waiting.pop()
        if not is_composite_type(one):
            continue
        for each in possible(schema, one):
            if each.name not in found:
                found[each.name] = each
                waiting += [get_named_type(below.type) for below in each.fields.values()]
    return {(name, one) for name, each in found.items() for one in each.fields}


def asked(document: str, found: set[Place]) -> set[Place]:
    """Those that a document asks for: their aliases say so."""
    return {place for place in found if f"{place[0]}_{place[1]}: " in document}


def told(value: Any) -> Iterator[Place]:
    """The fields of an answer that are there, null or not."""
    if isinstance(value, list):
        for each in value:
            yield from told(each)
    if isinstance(value, dict):
        for key, each in value.items():
            type_, _, name = key.partition("_")
            if name and type_ == value.get("__typename"):
                yield type_, name
            yield from told(each)


def refused(schema: GraphQLSchema, body: Any) -> frozenset[Place]:
    """The fields that were refused and may not be null: each took all around it along."""
    names = (str(error["path"][-1]).partition("_") for error in body.get("errors", ()) if error.get("path"))
    found = [(type_, name) for type_, _, name in names if name]
    return frozenset(place for place in found if isinstance(_type_of(schema, place), GraphQLNonNull))


def _type_of(schema: GraphQLSchema, place: Place) -> Any:
    type_ = schema.type_map[place[0]]
    return type_.fields[place[1]].type if isinstance(type_, GraphQLObjectType) else None


def passed(arguments: Mapping[str, GraphQLArgument], before: str = "") -> str:
    """Each as the variable of its name."""
    pairs = ", ".join(f"{each}: ${before}{each}" for each in arguments)
    return f"({pairs})" if pairs else ""


def _selected(schema: GraphQLSchema, type_: Any, times: int, without: frozenset[Place]) -> _Part | None:
    """All fields of what a field of this type gives, and of all that can be reached from it, nearest first."""
    named = get_named_type(type_)
    if not is_composite_type(named):
        return None
    root, opened = _Part(named), Counter[str]()
    waiting = deque([root])
    while waiting:
        part = waiting.popleft()
        for each in possible(schema, part.type):
            opened[each.name] += 1
            inner = {name: get_named_type(one.type) for name, one in each.fields.items()}
            whole = opened[each.name] <= times
            part.chosen[each.name] = {
                name: _Part(below) if is_composite_type(below) else None
                for name, below in inner.items()
                if (whole or not is_composite_type(below)) and (each.name, name) not in without
            }
            waiting += [below for below in part.chosen[each.name].values() if below]
            if not part.chosen[each.name]:
                del part.chosen[each.name]
    return root


def _object(schema: GraphQLSchema, name: str) -> GraphQLObjectType:
    type_ = schema.type_map[name]
    assert isinstance(type_, GraphQLObjectType)
    return type_


def _nested(schema: GraphQLSchema, part: _Part) -> dict[str, GraphQLArgument]:
    found: dict[str, GraphQLArgument] = {}
    for name, fields in part.chosen.items():
        for one, below in fields.items():
            arguments = _object(schema, name).fields[one].args
            found |= {f"{name}_{one}_{each}": argument for each, argument in arguments.items()}
            if below:
                found |= _nested(schema, below)
    return found


def _default(argument: GraphQLArgument) -> str:
    if argument.default_value is Undefined or argument.default_value is None:
        return ""
    node = ast_from_value(argument.default_value, argument.type)
    return f" = {print_ast(node)}" if node else ""
