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
import strawberry
from graphql.execution.collect_fields import should_include_node
from graphql.execution.execute import create_source_event_stream, execute_subscription, map_source_to_response_event
from graphql.execution.executor import CollectedErrors, Executor
from graphql.execution.values import (
    coerce_argument,
    coerce_variable_values,
    get_argument_values,
    get_variable_values,
    maybe_use_default_value,
)
from graphql.pyutils import gather_with_cancel
from graphql.type import scalars
from strawberry.execution import optimized_is_awaitable
from strawberry.extensions.field_extension import build_field_extension_resolvers
from strawberry.permission import BasePermission, PermissionExtension
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import CustomGraphQLEnumType, GraphQLCoreConverter, get_arguments
from strawberry.schema.types.base_scalars import DateTimeDefinition
from strawberry.types.arguments import convert_argument, convert_arguments
from strawberry.types.field import StrawberryField
from strawberry.types.info import Info
from strawberry.types.union import StrawberryUnion

from api.compiler import seams

MIRRORED: dict[Callable[..., Any], str] = {
    BasePermission.on_unauthorized: "be57f815c363dd1a",
    CollectedErrors.add: "268662687e62d0e1",
    CustomGraphQLEnumType.coerce_output_value: "e4a086ff6db85ddb",
    Executor.build: "faf76cb9d6140315",
    Executor.build_per_event_executor: "e42b7eb17861c1b7",
    Executor.build_response: "91f9d3f4e7f63ae9",
    Executor.collect_and_execute_subfields: "98432d93fb1b2526",
    Executor.complete_abstract_value: "2d7a23f08a39175d",
    Executor.complete_awaitable_list_item_value: "57bbf50e7e49cfc8",
    Executor.complete_awaitable_value: "9a67e9f91f0aac5c",
    Executor.complete_iterable_value: "bdb49d2d91f1e312",
    Executor.complete_leaf_value: "a8c54d5838ad9753",
    Executor.complete_list_item_value: "8883b4d65a1ae099",
    Executor.complete_list_value: "3ee91ce2f0fa9b62",
    Executor.complete_object_value: "55e77f58eca1ddc4",
    Executor.complete_value: "06c34f7681a13120",
    Executor.ensure_valid_runtime_type: "73f7a384878bb85e",
    Executor.execute_collected_root_fields: "57c17a23ae28ac86",
    Executor.execute_collected_subfields: "540cba4224b4150d",
    Executor.execute_field: "5281dc836ecc24a0",
    Executor.execute_fields: "797f54fbd779b4e3",
    Executor.execute_fields_serially: "28ca04e6b9ac47c5",
    Executor.execute_operation: "030f6fe38d237369",
    Executor.execute_root_grouped_field_set: "1d53af2248ac162a",
    Executor.handle_field_error: "d33a6ee408cd1695",
    Executor.settle_in_background: "da2b2c7303b6fa2d",
    GraphQLCoreConverter.from_enum_value: "0ace374f6be6effb",
    GraphQLCoreConverter.from_interface: "63a306d57d96fd22",
    GraphQLCoreConverter.from_object: "0f7b2e8c97a4270c",
    GraphQLCoreConverter.from_resolver: "bcac1354fecdee79",
    GraphQLCoreConverter.from_union: "fe53acb6e46c3021",
    PermissionExtension.resolve: "9d951f67b6ad9cf0",
    PermissionExtension.resolve_async: "bdc50d3884c71449",
    StrawberryField.get_result: "1881f471e7299ddb",
    StrawberryField.is_basic_field.fget: "2788ae121972c36e",  # type: ignore[attr-defined]
    StrawberryGraphQLCoreExecutionContext.build_resolve_info: "d600ee8361192a18",
    StrawberryUnion.get_type_resolver: "be50312e4ae21b3f",
    build_field_extension_resolvers: "0da7f687035adc28",
    coerce_argument: "ae378050e608ebcb",
    coerce_variable_values: "9d7e32a42ceaec29",
    convert_argument: "a11a22f213be34f4",
    convert_arguments: "c1f343b7611e0f78",
    create_source_event_stream: "c29076202f7f47a0",
    execute_subscription: "bdd332722cdee756",
    gather_with_cancel: "3f50ff071528a27b",
    get_argument_values: "9bb6b1486b9feff1",
    get_arguments: "622f5399b812e9e2",
    get_variable_values: "4c1b2880140b2346",
    map_source_to_response_event: "6eb8cb26326da419",
    maybe_use_default_value: "8dbc73fb45dfbb92",
    optimized_is_awaitable: "573992bc92ad1c50",
    scalars.coerce_boolean: "22ed0b1f30f926eb",
    scalars.coerce_id: "cc41cba920884da8",
    scalars.coerce_int: "f38956184c0a96c5",
    scalars.coerce_string: "104372dbe28da6df",
    scalars.serialize_boolean: "cd3050e868555bc3",
    scalars.serialize_float: "0093ba9ee32efd28",
    scalars.serialize_id: "367285ae52fbedf8",
    scalars.serialize_int: "8af8f6f541b53b36",
    scalars.serialize_string: "99f9fa4073226501",
    should_include_node: "45717af42eb0871e",
    strawberry.Schema._execute_operation: "5d64cc27e74797f9",
    strawberry.Schema._prepare_operation_async: "0973d3b5a73f65fd",
    strawberry.Schema._stream: "c5ba32092056c6a1",
}
"""What generated functions and response streams do, too, in their own way, with a digest of its source.

Of Strawberry's `_stream`, and of what it calls, the steps; of the rest what becomes of a value."""


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
        (
            Executor,
            "schema fragment_definitions fragments root_value context_value operation variable_values field_resolver "
            "type_resolver subscribe_field_resolver",
        ),
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


def test_a_moment_is_written_as_it_was() -> None:
    assert repr(DateTimeDefinition.serialize) == "operator.methodcaller('isoformat')"


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
