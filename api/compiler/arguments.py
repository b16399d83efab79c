"""Arguments of a field: those of plain types are constants, or variables as they are; all else is worked out anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from types import NoneType
from typing import Any, Final

import strawberry
from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLError,
    GraphQLField,
    GraphQLString,
    ListValueNode,
    ObjectValueNode,
    ValueNode,
    VariableNode,
    is_non_null_type,
    is_required_argument,
)

from api.compiler.seams import StrawberryArgument, StrawberryOptional, VariableValues, convert_arguments
from api.compiler.seams import get_argument_values as get_values

PLAIN: Final = (bool, float, int, str, strawberry.ID)
"""Types whose values resolvers get as graphql-core has coerced them."""
UNCHANGING: Final = frozenset({str, int, float, bool, NoneType, datetime, date})
"""Types whose values may be shared by requests."""
_NONE: Final = VariableValues({}, {})


@dataclass(frozen=True, slots=True)
class Plan:
    """How they are put together."""

    constants: Mapping[str, Any]
    """With the defaults of those that variables stand for."""
    variables: tuple[tuple[str, str, bool, bool], ...]
    """By the name in Python that of the variable, whether null is refused, and whether it must be there."""

    def kwargs(self, coerced: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What the resolver gets; None where graphql-core has something to say about it."""
        if not self.variables:
            return self.constants
        kwargs = dict(self.constants)
        for name, variable, strict, required in self.variables:
            if variable in coerced:
                value = coerced[variable]
                if value is None and strict:
                    return None
                kwargs[name] = value
            elif required:
                return None
        return kwargs


def plan(
    schema: strawberry.Schema, definition: GraphQLField, node: FieldNode, arguments: list[StrawberryArgument]
) -> Plan | None:
    """None where they must be worked out for each object."""
    given = {each.name.value: each for each in node.arguments or ()}
    constants: dict[str, Any] = {}
    variables: list[tuple[str, str, bool, bool]] = []
    for argument in arguments:
        name = schema.config.name_converter.from_argument(argument)
        defined, value = definition.args[name], given[name].value if name in given else None
        if isinstance(value, VariableNode):
            if not _plain(argument):
                return None
            variables.append(
                (
                    argument.python_name,
                    value.name.value,
                    is_non_null_type(defined.type),
                    is_required_argument(defined),
                )
            )
            if is_required_argument(defined):
                continue
        elif value is not None and varies(value):
            return None
        alone = FieldNode(
            name=node.name, arguments=() if value is None or isinstance(value, VariableNode) else (given[name],)
        )
        try:
            constants |= _converted(schema, argument, name, defined, alone)
        except GraphQLError:
            return None
    if not all(type(each) in UNCHANGING or isinstance(each, Enum) for each in constants.values()):
        return None
    return Plan(constants, tuple(variables))


def _converted(
    schema: strawberry.Schema, argument: StrawberryArgument, name: str, defined: GraphQLArgument, node: FieldNode
) -> dict[str, Any]:
    field = GraphQLField(GraphQLString, args={name: defined})
    return convert_arguments(
        get_values(field, node, _NONE),
        [argument],
        scalar_registry=schema.schema_converter.scalar_registry,
        config=schema.config,
    )


def _plain(argument: StrawberryArgument) -> bool:
    type_ = argument.type
    inner = type_.of_type if type(type_) is StrawberryOptional else type_
    return any(inner is each for each in PLAIN)


def varies(value: ValueNode) -> bool:
    """Whether a variable is in it."""
    if isinstance(value, VariableNode):
        return True
    if isinstance(value, ListValueNode):
        return any(map(varies, value.values))
    return isinstance(value, ObjectValueNode) and any(varies(each.value) for each in value.fields)
