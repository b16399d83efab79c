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

from api.compiler.errors import NotCompilableError
from api.compiler.inputs import Convert, Inputs
from api.compiler.seams import StrawberryArgument, VariableValues, convert_arguments
from api.compiler.seams import get_argument_values as get_values

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
    converts: tuple[tuple[str, Convert], ...] = ()
    """What is made of those that are no plain values, when the resolver is called."""

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

    def finished(self, kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        """The same, with what is made of it. May raise what an input type raises."""
        if not self.converts:
            return kwargs
        return {**kwargs, **{name: convert(kwargs[name]) for name, convert in self.converts if name in kwargs}}


def plan(
    schema: strawberry.Schema,
    inputs: Inputs,
    definition: GraphQLField,
    node: FieldNode,
    arguments: list[StrawberryArgument],
) -> Plan | None:
    """None where they must be worked out for each object."""
    given = {each.name.value: each for each in node.arguments or ()}
    constants: dict[str, Any] = {}
    variables: list[tuple[str, str, bool, bool]] = []
    converts: list[tuple[str, Convert]] = []
    for argument in arguments:
        name = schema.config.name_converter.from_argument(argument)
        defined, value = definition.args[name], given[name].value if name in given else None
        if isinstance(value, VariableNode):
            try:
                convert = inputs.converter(argument.type)
            except NotCompilableError:
                return None
            if convert is not None:
                converts.append((argument.python_name, convert))
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
    return Plan(constants, tuple(variables), tuple(converts))


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


def varies(value: ValueNode) -> bool:
    """Whether a variable is in it."""
    if isinstance(value, VariableNode):
        return True
    if isinstance(value, ListValueNode):
        return any(map(varies, value.values))
    return isinstance(value, ObjectValueNode) and any(varies(each.value) for each in value.fields)
