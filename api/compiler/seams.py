"""What the compiler uses of graphql-core and Strawberry that they don't promise: a test says so where it changes."""

from typing import Any, Final

import strawberry
from graphql import GraphQLField, GraphQLNamedType, GraphQLUnionType
from graphql.execution.collect_fields import FieldDetailsList, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.executor import Executor, default_field_resolver, default_type_resolver
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, get_argument_values, get_variable_values
from graphql.pyutils import Path, gather_with_cancel
from strawberry.execution import optimized_is_awaitable
from strawberry.permission import BasePermission, PermissionExtension
from strawberry.scalars import is_scalar
from strawberry.types.arguments import StrawberryArgument, convert_arguments
from strawberry.types.base import (
    StrawberryList,
    StrawberryObjectDefinition,
    StrawberryOptional,
)
from strawberry.types.base import get_object_definition as object_definition
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField
from strawberry.types.info import Info
from strawberry.types.lazy_type import LazyType

__all__ = [
    "EXECUTOR_METHODS",
    "BasePermission",
    "Executor",
    "FieldDetailsList",
    "FragmentDetails",
    "Info",
    "LazyType",
    "Path",
    "PermissionExtension",
    "StrawberryArgument",
    "StrawberryEnumDefinition",
    "StrawberryField",
    "StrawberryList",
    "StrawberryObjectDefinition",
    "StrawberryOptional",
    "VariableValueSource",
    "VariableValues",
    "collect_fields",
    "collect_subfields",
    "convert_arguments",
    "default_field_resolver",
    "default_type_resolver",
    "definition_of",
    "field_of",
    "gather_with_cancel",
    "get_argument_values",
    "get_variable_signature",
    "get_variable_values",
    "is_scalar",
    "object_definition",
    "optimized_is_awaitable",
    "resolves_by_type",
    "understood",
]

EXECUTOR_METHODS: Final = {
    "build_resolve_info": ("field_def", "field_nodes", "parent_type", "path"),
    "complete_awaitable_list_item_value": (
        "item",
        "item_type",
        "field_details_list",
        "info",
        "item_path",
        "position_context",
    ),
    "complete_awaitable_value": ("return_type", "field_details_list", "info", "path", "result", "position_context"),
    "complete_list_item_value": (
        "item",
        "complete_results",
        "item_type",
        "field_details_list",
        "info",
        "item_path",
        "position_context",
    ),
    "complete_value": ("return_type", "field_details_list", "info", "path", "result", "position_context"),
    "execute_field": ("parent_type", "source", "field_details_list", "path", "position_context"),
    "handle_field_error": ("raw_error", "return_type", "field_details_list", "path"),
    "settle_in_background": ("awaitables",),
}
"""What of `Executor` is called, with which parameters; `collected_errors` is read, too."""

_DEFINITION: Final = "strawberry-definition"


def field_of(field: GraphQLField) -> StrawberryField | None:
    """What Strawberry made it of; None for a field of graphql-core's own."""
    made = field.extensions.get(_DEFINITION)
    return made if type(made) is StrawberryField else None


def definition_of(type_: GraphQLNamedType) -> StrawberryObjectDefinition | None:
    """The same for a type."""
    made = type_.extensions.get(_DEFINITION)
    return made if type(made) is StrawberryObjectDefinition else None


def understood(schema: strawberry.Schema) -> bool:
    """Whether nothing is configured of which the compiler knows nothing."""
    return (
        schema.config.default_resolver is getattr
        and schema.config.info_class is Info
        and not schema.schema_converter._exception_handler_specs
        and not schema.directives
        and not schema.config.enable_experimental_incremental_execution
    )


def resolves_by_type(type_: Any) -> bool:
    """Whether an object's Python type says which of an interface's or a union's types it is."""
    if isinstance(type_, GraphQLUnionType):
        return True
    made = definition_of(type_)
    return made is not None and made.resolve_type is None
