"""The whole way of an operation twice: ours, compiled, and Strawberry's, by its extensions and graphql-core."""

from dataclasses import dataclass, replace
from typing import Any, Final

from graphql import ExecutionResult, GraphQLError, get_operation_ast
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from api.documents.answering import CountingExecution
from api.execution import NEVER_EXECUTED
from api.schema import Schema
from permissions.access import Takings
from tests.differential.calls import calls
from tests.differential.cases import Case
from tests.differential.executing import Executors
from tests.differential.outcomes import Outcome, as_json, outcome
from tests.differential.people import People

KINDS: Final = (OperationType.QUERY, OperationType.MUTATION)
COST: Final = {"cost": True}
UNTOLD: Final = ("CannotGetOperationTypeError", "Unknown operation named", "`operationName` must say")
UNIDENTIFIED: Final = Outcome("null", ("no operation is meant",), (), (), (), 0)
"""What comes of a request of which nobody can tell which operation it means."""


class Noting:
    """In place of the audit log: what would be written."""

    def __init__(self) -> None:
        self.takings = Takings()

    async def keep_all(self, some: Any) -> None:
        """What was decided, of all of them."""
        for takings, _ in some:
            self.takings.take(takings)


@dataclass
class Noted:
    """What an outcome reads of a context, after all was written down."""

    answering: Any
    written: Takings

    @property
    def access(self) -> "Noted":
        """Whoever asks it."""
        return self

    def takings(self) -> Takings:
        """All that was written."""
        return self.written


@dataclass(kw_only=True)
class Pipelines(Executors):
    """`off` has no compiler."""

    off: Schema

    async def compiled(self, case: Case) -> Outcome:
        """By the straight line."""
        return await self._answered(self.schema, case, KINDS)

    async def by_core(
        self, case: Case, by: type[CountingExecution] = CountingExecution, *, propagates: bool = True
    ) -> Outcome:
        """By Strawberry's extensions."""
        if not propagates:
            return await super().by_core(case, by, propagates=False)
        document, _ = self._parsed(case.text)
        if get_operation_ast(document, case.operation) is None:
            return UNIDENTIFIED
        self.off.execution_context_class = by
        try:
            return await self._answered(self.off, case, None)
        finally:
            self.off.execution_context_class = CountingExecution

    async def _answered(self, schema: Any, case: Case, kinds: Any) -> Outcome:
        assert isinstance(self.contexts, People)
        noting: Any = Noting()
        context = replace(self.contexts.context(case.caller), audit=noting, allowance=None)
        with calls() as sent:
            try:
                answer = await schema.execute(
                    case.text,
                    variable_values=dict(case.variables),
                    context_value=context,
                    operation_name=case.operation,
                    allowed_operation_types=kinds,
                    operation_extensions=COST,
                )
            except NEVER_EXECUTED as error:
                answer = PreExecutionError(None, [GraphQLError(f"{type(error).__name__}: {error}")])
        told = ExecutionResult(answer.data, answer.errors)
        if case.stray and unidentified(told) and not sent and not noting.takings:
            return UNIDENTIFIED
        found = outcome(told, Noted(context.answering, noting.takings), sent)
        return replace(found, extensions=as_json(dict(answer.extensions or {})))


def unidentified(result: ExecutionResult) -> bool:
    """Whether that is all it says, in the words for either case."""
    said = [each.message for each in result.errors or ()]
    return result.data is None and len(said) == 1 and said[0].startswith(UNTOLD)
