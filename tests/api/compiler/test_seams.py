"""What graphql-core and Strawberry don't promise is still as it was when the compiler was written after it.

Where one of these fails: read what has changed, bring api/compiler in line, run the differential test, and note the
new digest here.
"""

import hashlib
import inspect
from collections.abc import Callable
from typing import Any

import graphql
import pytest
from graphql.execution.executor import CollectedErrors, Executor
from graphql.execution.values import get_argument_values, get_variable_values
from strawberry.extensions.field_extension import build_field_extension_resolvers
from strawberry.permission import PermissionExtension
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import CustomGraphQLEnumType, GraphQLCoreConverter, get_arguments
from strawberry.types.arguments import convert_argument, convert_arguments
from strawberry.types.field import StrawberryField
from strawberry.types.info import Info
from strawberry.types.union import StrawberryUnion

from api.compiler import seams

MIRRORED: dict[Callable[..., Any], str] = {
    Executor.complete_awaitable_value: "9a67e9f91f0aac5c",
    Executor.complete_iterable_value: "bdb49d2d91f1e312",
    Executor.complete_list_item_value: "8883b4d65a1ae099",
    Executor.complete_object_value: "55e77f58eca1ddc4",
    Executor.complete_value: "06c34f7681a13120",
    Executor.execute_field: "5281dc836ecc24a0",
    Executor.execute_fields: "797f54fbd779b4e3",
    Executor.execute_fields_serially: "28ca04e6b9ac47c5",
    Executor.execute_operation: "030f6fe38d237369",
    Executor.handle_field_error: "d33a6ee408cd1695",
    CollectedErrors.add: "268662687e62d0e1",
    CustomGraphQLEnumType.coerce_output_value: "e4a086ff6db85ddb",
    GraphQLCoreConverter.from_interface: "63a306d57d96fd22",
    GraphQLCoreConverter.from_object: "0f7b2e8c97a4270c",
    GraphQLCoreConverter.from_resolver: "bcac1354fecdee79",
    PermissionExtension.resolve: "9d951f67b6ad9cf0",
    PermissionExtension.resolve_async: "bdc50d3884c71449",
    StrawberryGraphQLCoreExecutionContext.build_resolve_info: "d600ee8361192a18",
    StrawberryUnion.get_type_resolver: "be50312e4ae21b3f",
    build_field_extension_resolvers: "0da7f687035adc28",
    convert_argument: "a11a22f213be34f4",
    get_arguments: "622f5399b812e9e2",
}
"""What generated functions do, too, in their own way, with a digest of its source."""


def test_graphql_core_is_of_the_version_that_was_looked_at() -> None:
    assert (3, 3) <= graphql.version_info[:2] < (3, 4)


@pytest.mark.parametrize("function", MIRRORED, ids=lambda each: each.__qualname__)
def test_what_is_mirrored_has_not_changed(function: Callable[..., Any]) -> None:
    assert digest(function) == MIRRORED[function]


@pytest.mark.parametrize("name", seams.EXECUTOR_METHODS)
def test_methods_of_the_executor_take_what_they_took(name: str) -> None:
    method = getattr(Executor, name)
    assert tuple(inspect.signature(method).parameters)[1:] == seams.EXECUTOR_METHODS[name]


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (get_argument_values, "type_def node variable_values fragment_variable_values hide_suggestions"),
        (get_variable_values, "schema var_def_nodes inputs max_errors hide_suggestions"),
        (seams.collect_fields, "schema fragments variable_values runtime_type operation"),
        (seams.collect_subfields, "schema fragments variable_values operation return_type field_details_list"),
        (convert_arguments, "value arguments scalar_registry config info"),
        (seams.Path, "prev key typename"),
        (seams.VariableValues, "sources coerced"),
        (seams.FragmentDetails, "definition variable_signatures"),
    ],
)
def test_functions_take_what_they_took(function: Callable[..., Any], parameters: str) -> None:
    names = list(inspect.signature(function).parameters)
    assert names[: len(parameters.split())] == parameters.split()


def test_a_field_of_strawberry_tells_what_is_asked_of_it() -> None:
    named = {"base_resolver", "is_async", "is_basic_field", "arguments", "python_name"}
    assert named <= set(dir(StrawberryField))
    assert {"extensions", "is_subscription"} <= set(vars(StrawberryField(python_name="x")))


def test_info_has_nothing_that_was_not_thought_of() -> None:
    public = {each for each in dir(Info) if not each.startswith("_")}
    assert public == {
        *("context", "field_name", "get_argument_definition", "input_extensions", "operation", "path", "python_name"),
        *("query", "return_type", "root_value", "schema", "selected_fields", "variable_values"),
    }


def digest(function: Callable[..., Any]) -> str:
    """Of its source."""
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16]
