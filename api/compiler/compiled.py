"""An operation that can be executed again and again."""

from collections.abc import Awaitable, Mapping
from typing import Any, Final, Self, cast

import strawberry
from graphql import DocumentNode, ExecutionResult, OperationDefinitionNode, execute
from strawberry.execution import optimized_is_awaitable


class Compiled:
    """One operation of a document that is sound. It holds nothing of a request, and is used by many at once."""

    def __init__(self, schema: strawberry.Schema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self._schema: Final = schema
        self._document: Final = document
        self._operation: Final = operation

    @property
    def weight(self) -> int:
        """What it takes of memory, in characters of a remembered document. It grows when it is compiled."""
        return 0

    def now(self) -> Self:
        """Compile when it is next executed, and not the time after."""
        return self

    def execute(
        self,
        context: Any,
        variables: Mapping[str, Any] | None = None,
        *,
        root: Any = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> ExecutionResult | Awaitable[ExecutionResult]:
        """What graphql-core's `execute` gives, with `variables` as they were sent: not coerced.

        Of a subscription: the answer to one event, which is `root`. `extensions` are the request's.
        """
        name = self._operation.name
        return execute(
            self._schema._schema,
            self._document,
            root_value=root,
            context_value=context,
            variable_values=dict(variables or {}),
            operation_name=name.value if name else None,
            executor_class=self._schema.execution_context_class,
            is_awaitable=cast(Any, optimized_is_awaitable),
            operation_extensions=extensions,
        )


def compile_operation(
    schema: strawberry.Schema, document: DocumentNode, operation: OperationDefinitionNode
) -> Compiled:
    """`operation` is one of `document`'s definitions. Nothing is compiled before it is executed a second time."""
    return Compiled(schema, document, operation)
