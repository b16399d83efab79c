"""An operation that can be executed again and again."""

import logging
import time
from collections.abc import Awaitable, Mapping
from typing import Any, Final, Protocol, Self, cast

import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    execute,
)

from api.compiler.building import Built, build
from api.compiler.errors import NotCompilableError
from api.compiler.run import Run
from api.compiler.seams import (
    Executor,
    FragmentDetails,
    VariableValues,
    default_field_resolver,
    default_type_resolver,
    optimized_is_awaitable,
    understood,
)
from api.compiler.serial import serially
from api.compiler.switches import switches
from api.compiler.variables import Variables

SIGHTS: Final = 2
"""A document is compiled when it comes so often: of an attacker's most come once."""
SIGHT_CHARACTERS: Final = 500
"""For so many of them it must come once more, as they take longer; each variant anew."""
VARIANTS: Final = 8
"""Of an operation, by what its variables leave out; others are left to graphql-core."""
VARIANT_CHARACTERS: Final = 60
FIELD_CHARACTERS: Final = 35
"""What is compiled, and each field of it, takes as much memory as so many characters of a remembered document."""

log = logging.getLogger(__name__)


class Shares(Protocol):
    """How much may be compiled for whom."""

    def left(self, context: object) -> bool:
        """Whether anything may be for whose `context` it is."""

    def take(self, context: object, seconds: float) -> None:
        """So much of the processor was spent for him."""


class Compiled:
    """One operation of a document that is sound. It holds nothing of a request, and is used by many at once."""

    def __init__(
        self,
        schema: strawberry.Schema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        shares: Shares | None = None,
    ) -> None:
        self.schema: Final = schema
        self._shares: Final = shares
        self._document: Final = document
        self._operation: Final = operation
        self._definitions: Final = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._fragments: Final = {name: FragmentDetails(each) for name, each in self._definitions.items()}
        self._serial: Final = operation.operation is OperationType.MUTATION
        self._variables: Variables | None = None
        self._switches: tuple[str, ...] = ()
        self._built: Final[dict[tuple[Any, ...], Built | None]] = {}
        self._sights = 0
        self.weight = 0
        """What it takes of memory, in characters of a remembered document. It grows when it is compiled."""
        self._seen: Final[dict[tuple[Any, ...], int]] = {}
        """How often variants came that are not compiled; some of them."""
        self._due = SIGHTS + (document.loc.end if document.loc else 0) // SIGHT_CHARACTERS
        self._off = not understood(schema) or bool(operation.directives)

    @property
    def texts(self) -> list[str]:
        """The source of what was compiled so far."""
        return [each.text for each in self._built.values() if each]

    def now(self) -> Self:
        """Compile when it is next executed, and not the time after."""
        self._due = 0
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
        self._sights += 1
        if self._off or self._sights < self._due:
            return self._by_core(context, variables, root, extensions)
        if self._variables is None:
            self._variables = Variables(self.schema._schema, self._operation.variable_definitions or ())
        coerced = self._variables.coerced(variables)
        if isinstance(coerced, list):
            return ExecutionResult(None, errors=coerced)
        built = self._variant(coerced, context)
        if built is None:
            return self._by_core(context, variables, root, extensions)
        run = Run(self, context, root, coerced, extensions)
        return serially(run, built.builders) if self._serial else _at_once(run, built)

    def executor(self, run: Run) -> Executor[Any]:
        """graphql-core's, for the same execution."""
        kind = cast(Any, self.schema.execution_context_class)
        executor: Executor[Any] = kind(
            self.schema._schema,
            self._definitions,
            self._fragments,
            run.root,
            run.context,
            self._operation,
            run.variables,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=optimized_is_awaitable,
            operation_extensions=run.extensions,
        )
        return executor

    def _variant(self, variables: VariableValues, context: object) -> Built | None:
        if not self._built:
            self._switches = switches(self._document, self._operation)
        key = tuple(variables.coerced.get(each) for each in self._switches)
        if key in self._built:
            return self._built[key]
        if len(self._built) >= VARIANTS or (self._built and not self._often(key)):
            return None
        if self._shares is not None and not self._shares.left(context):
            return None  # the next who sends it may have something left
        begun = time.thread_time()
        try:
            built: Built | None = build(self.schema, self._operation, self._fragments, variables, serially=self._serial)
        except (NotCompilableError, GraphQLError, RecursionError):
            built = None
        except Exception:  # it is answered all the same
            log.exception("an operation could not be compiled")
            built = None
        if self._shares is not None:
            self._shares.take(context, time.thread_time() - begun)
        self._built[key] = built
        if built is not None:
            self.weight += VARIANT_CHARACTERS + FIELD_CHARACTERS * built.fields
        return built

    def _often(self, key: tuple[Any, ...]) -> bool:
        """Whether another variant than the first came often enough to be compiled."""
        times = self._seen.pop(key, 0) + 1
        if times >= self._due:
            return True
        if len(self._seen) >= VARIANTS:
            self._seen.clear()
        self._seen[key] = times
        return False

    def _by_core(
        self, context: Any, variables: Mapping[str, Any] | None, root: Any, extensions: Mapping[str, Any] | None
    ) -> ExecutionResult | Awaitable[ExecutionResult]:
        name = self._operation.name
        return execute(
            self.schema._schema,
            self._document,
            root_value=root,
            context_value=context,
            variable_values=dict(variables or {}),
            operation_name=name.value if name else None,
            executor_class=self.schema.execution_context_class,
            is_awaitable=cast(Any, optimized_is_awaitable),
            operation_extensions=extensions,
        )


def compile_operation(
    schema: strawberry.Schema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    shares: Shares | None = None,
) -> Compiled:
    """`operation` is one of `document`'s definitions. Nothing is compiled before it is executed a second time, nor for
    who has nothing left of his `shares`."""
    return Compiled(schema, document, operation, shares)


def _at_once(run: Run, built: Built) -> ExecutionResult | Awaitable[ExecutionResult]:
    """A query, or the answer to an event."""
    ((_, builder),) = built.builders
    try:
        data = builder(run.root, run, None)
    except GraphQLError as error:
        return run.nothing(error)
    return run.result(data) if isinstance(data, dict) else run.finished(data)
