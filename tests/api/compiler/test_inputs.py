"""Arguments are what Strawberry makes of them, for each argument of the schema that is served."""

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLField,
    GraphQLFloat,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLObjectType,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
)
from strawberry.types.arguments import StrawberryArgument, convert_argument

from api.compiler.inputs import Inputs
from api.compiler.seams import field_of
from api.schema import build_schema

SCHEMA = build_schema()
INPUTS = Inputs(SCHEMA)


def _arguments() -> Iterator[tuple[str, GraphQLField, StrawberryArgument]]:
    for type_ in SCHEMA._schema.type_map.values():
        if isinstance(type_, GraphQLObjectType):
            for name, field in type_.fields.items():
                made = field_of(field)
                yield from ((f"{type_.name}.{name}", field, each) for each in (made.arguments if made else ()))


@pytest.mark.parametrize("seed", range(3))
def test_a_value_becomes_what_it_does_with_strawberry(seed: int) -> None:
    chance, objects = Random(seed), 0
    for where, field, argument in _arguments():
        type_ = field.args[SCHEMA.config.name_converter.from_argument(argument)].type
        value, convert = _value(type_, chance), INPUTS.converter(argument.type)
        theirs = convert_argument(value, argument.type, SCHEMA.schema_converter.scalar_registry, SCHEMA.config)
        ours = value if convert is None else convert(value)
        assert (type(ours), ours) == (type(theirs), theirs), where
        assert ours is not value or not isinstance(value, list), "requests would share it"
        objects += convert is not None
    assert objects > 30


def _value(type_: Any, chance: Random, depth: int = 0) -> Any:
    """As graphql-core has coerced it."""
    if not is_non_null_type(type_) and (depth > 6 or chance.random() < 0.2):
        return None
    type_ = type_.of_type if is_non_null_type(type_) else type_
    if is_list_type(type_):
        return [_value(type_.of_type, chance, depth + 1) for _ in range(chance.randrange(3))]
    if isinstance(type_, GraphQLInputObjectType):
        return {
            name: _value(field.type, chance, depth + 1)
            for name, field in type_.fields.items()
            if is_required_input_field(field) or chance.random() < 0.7
        }
    if isinstance(type_, GraphQLEnumType):
        return type_.coerce_input_value(chance.choice(list(type_.values)))
    plain = {GraphQLBoolean: True, GraphQLFloat: 1.5, GraphQLInt: 3}
    return plain.get(type_, datetime(2026, 1, 1, tzinfo=UTC) if type_.name == "DateTime" else "text")
