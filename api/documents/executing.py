"""What is judged when a document is executed: it depends on who asks, with which variables, and on what is there."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pymongo
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from api.documents.answering import refusal
from api.documents.cost import Actual, Estimate, operation_of
from api.documents.cost_model import Model
from api.documents.limits import CostBudgets, DocumentLimits, exceeded
from api.documents.measure import measure
from api.documents.schema_access import require_introspection
from api.errors import publish
from permissions.access import Access
from resolvers.context import Context

_ABOUT_SCHEMA: Final = re.compile(r"\b__(schema|type)\b")
INTROSPECTION: Final = 2_000
"""What it costs to read all of the schema: it takes as long as forty small operations, in one piece."""
GRACE_SECONDS: Final = 1.0
"""How long a query may take to end by itself after its calls to the database were ended. Many calls of the driver must
not be cancelled together."""


class LimitExecution(SchemaExtension):
    """Stands after the extension that finds out who asks."""

    def __init__(self, limits: DocumentLimits, model: Model) -> None:
        self._limits = limits
        self._model = model
        self._cost: dict[str, int] | None = None

    async def on_execute(self) -> AsyncIterator[None]:
        context = self.execution_context.context
        if not isinstance(context, Context):
            yield
            return
        context.measure_anew(self._limits.answer_bytes)
        await self._judge(context)
        context.begin_until = time.monotonic() + self._limits.mutation_seconds
        if self.execution_context.operation_type is not OperationType.QUERY:
            yield
            context.answering.require()
            return
        async with in_time(self._limits.seconds) as timer:
            yield
            timer.require()
        context.answering.require()

    def on_stream_result(self, result: Any) -> Iterator[None]:
        """Each answer of a subscription counts by itself."""
        context = self.execution_context.context
        if isinstance(context, Context) and isinstance(result, ExecutionResult):
            if (error := refusal(context)) is not None:
                publish(error)
                result.data, result.errors = None, [error]
            context.measure_anew()
        yield

    def get_results(self) -> dict[str, Any]:
        """What the operation costs, for a request with the extension `"cost": true`."""
        asked = self.execution_context
        if self._cost is None or (asked.operation_extensions or {}).get("cost") is not True:
            return {}
        cost, document = dict(self._cost), asked.graphql_document
        operation = operation_of(document, asked.operation_name) if document is not None else None
        data = getattr(asked.result, "data", None)
        if document is not None and operation is not None and isinstance(data, dict):
            cost["actual"] = Actual(asked.schema._schema, self._model, document).of(operation, data)
        return {"cost": cost}

    async def _judge(self, context: Context) -> None:
        """It is counted before it is refused, too."""
        asked = self.execution_context
        if asked.graphql_document is None:
            return
        estimate = Estimate(asked.schema._schema, self._model)
        cost = estimate.of(asked.graphql_document, asked.operation_name, asked.variables)
        introspecting = self._introspecting()
        cost += INTROSPECTION * introspecting
        budget = budget_of(context.access, self._limits.costs)
        self._cost = {"estimated": cost, "budget": budget}
        await context.spend(cost if cost <= budget else 0)
        if introspecting:
            require_introspection(context, self._limits.introspection)
        if cost > budget:
            raise exceeded("cost", budget, f"the operation costs {cost:,} by estimate (ask for less at once) of")

    def _introspecting(self) -> int:
        """How often the schema may be read, at most: under each of the names that are given."""
        asked = self.execution_context
        if asked.graphql_document is None or not _ABOUT_SCHEMA.search(asked.query or ""):
            return 0
        return max((1 + each.aliases for each in measure(asked.graphql_document) if each.introspects), default=0)


def budget_of(access: Access, costs: CostBudgets) -> int:
    """What an operation of the caller may cost: the most that any role gives which he holds now."""
    subject = access.subject
    if subject is None:
        return costs.nobody
    if not costs.roles:
        return costs.signed_in
    held = subject.roles_at(access.env.time)
    return max(costs.signed_in, *(costs.roles.get(each, 0) for each in held), 0)


class Timer:
    """Since something began."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: Final = time.monotonic() + seconds

    @property
    def error(self) -> GraphQLError:
        """What is said of what takes too long."""
        return exceeded("seconds", self._seconds, "a query may take so many seconds:")

    def require(self) -> None:
        """Raise `GraphQLError` where it took too long."""
        if time.monotonic() >= self._until:
            raise self.error


@asynccontextmanager
async def in_time(seconds: float) -> AsyncIterator[Timer]:
    """Within the block calls to the database end when the time is up; so does the block, a little later.

    Raises `GraphQLError` then.
    """
    timer = Timer(seconds)
    try:
        with pymongo.timeout(seconds):
            async with asyncio.timeout(seconds + GRACE_SECONDS):
                yield timer
    except TimeoutError:
        timer.require()
        raise
