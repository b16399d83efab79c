"""Variables of a request: those of plain types, and right, are taken as they are; all else is graphql-core's."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from graphql import (
    GraphQLBoolean,
    GraphQLError,
    GraphQLID,
    GraphQLInt,
    GraphQLSchema,
    GraphQLString,
    VariableDefinitionNode,
    get_nullable_type,
    is_non_null_type,
)

from api.compiler.seams import VariableValues, VariableValueSource, get_variable_signature, get_variable_values

COERCION_ERRORS: Final = 50
"""As graphql-core's `execute` has it."""
KINDS: Final[Mapping[Any, type]] = {GraphQLBoolean: bool, GraphQLID: str, GraphQLInt: int, GraphQLString: str}
"""Of values that are what they are coerced to."""
ABSENT: Final = object()
INT: Final = range(-(2**31), 2**31)


class Variables:
    """An operation's."""

    def __init__(self, schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode]) -> None:
        self._schema: Final = schema
        self._definitions: Final = definitions
        self._plain: Final = _plain(schema, definitions)

    def coerced(self, given: Mapping[str, Any] | None) -> VariableValues | list[GraphQLError]:
        """Their values, or what is wrong with them."""
        given = given or {}
        if self._plain is not None and (found := _taken(self._plain, given)) is not None:
            return found
        return get_variable_values(self._schema, self._definitions, dict(given), COERCION_ERRORS)


Plain = tuple[str, type, bool, Any]
"""Name, type in Python, whether it may be null, and what graphql-core calls its signature."""


def _plain(schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode]) -> list[Plain] | None:
    """None where one of them is not, or has a default."""
    found: list[Plain] = []
    for definition in definitions:
        signature = get_variable_signature(schema, definition)
        if isinstance(signature, GraphQLError) or definition.default_value is not None:
            return None
        nullable = not is_non_null_type(signature.type)
        kind = KINDS.get(get_nullable_type(signature.type))
        if kind is None:
            return None
        found.append((signature.name, kind, nullable, signature))
    return found


def _taken(plain: list[Plain], given: Mapping[str, Any]) -> VariableValues | None:
    values = VariableValues({}, {})
    for name, kind, nullable, signature in plain:
        value: Any = given.get(name, ABSENT)
        if value is ABSENT and nullable:
            values.sources[name] = VariableValueSource(signature)
            continue
        right = type(value) is kind and (kind is not int or value in INT)
        if not right and not (value is None and nullable):
            return None
        values.sources[name] = VariableValueSource(signature, value)
        values.coerced[name] = value
    return values
