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
from api.documents.limits import DocumentLimits, exceeded
from api.documents.measure import measure
from api.documents.schema_access import require_introspection
from api.errors import publish
from resolvers.context import Context

_ABOUT_SCHEMA: Final = re.compile(r"\b__(schema|type)\b")
GRACE_SECONDS: Final = 1.0
"""How long a query may take to end by itself after its calls to the database were ended. Many calls of the driver must
not be cancelled together."""


class LimitExecution(SchemaExtension):
    """Stands after the extension that finds out who asks."""

    def __init__(self, limits: DocumentLimits) -> None:
        self._limits = limits

    async def on_execute(self) -> AsyncIterator[None]:
        context = self.execution_context.context
        if not isinstance(context, Context):
            yield
            return
        context.measure_anew(self._limits.answer_bytes)
        self._require_introspection(context)
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

    def _require_introspection(self, context: Context) -> None:
        asked = self.execution_context
        if asked.graphql_document is None or not _ABOUT_SCHEMA.search(asked.query or ""):
            return
        if any(each.introspects for each in measure(asked.graphql_document)):
            require_introspection(context, self._limits.introspection)


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
