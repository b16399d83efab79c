"""The way that Strawberry and graphql-core have, with our rules as extensions: what ours is compared with."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import strawberry
from graphql import DocumentNode, GraphQLError, OperationDefinitionNode
from pymongo.errors import PyMongoError
from strawberry.extensions import SchemaExtension
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.types import ExecutionContext
from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.types.graphql import OperationType

from api.decisions import settle
from api.documents import Documents
from api.documents.answering import refusal
from api.documents.bench import price_of
from api.documents.cost import Actual, Estimate, operation_of
from api.documents.cost_model import Model
from api.documents.executing import GRACE_SECONDS, Price, Timer, admit, cost_extension, introspections, priced
from api.documents.judging import flaws, suggests, unread
from api.documents.limits import DocumentLimits
from api.errors import publish
from api.execution import count_refused, premature, undetermined
from api.operations import whole
from api.schema import Schema
from models.redis.backoff import delays
from resolvers.context import Context
from resolvers.errors import BadInputError


@asynccontextmanager
async def in_time(seconds: float) -> AsyncIterator[Timer]:
    """Within the block calls to the database end when the time is up; so does the block, a little later.

    Raises `GraphQLError` then.
    """
    with Timer(seconds) as timer:
        async with asyncio.timeout(seconds + GRACE_SECONDS):
            yield timer


class OwnContext(SchemaExtension):
    """The first of the extensions: the others, and the resolvers, find the operation's context."""

    _unjudged: Exception | None = None

    async def on_operation(self) -> AsyncIterator[None]:
        """Judge anew who asks: his session may have ended, his roles may have changed since the socket opened."""
        context = self.execution_context.context
        if isinstance(context, Context) and context.socket:
            try:
                self.execution_context.context = await context.for_operation()
            except Exception as error:  # raised here, it would end the operation as if all had been said
                self._unjudged = error
        yield

    def on_execute(self) -> Iterator[None]:
        """A subscription has many answers, and a request over HTTP has one."""
        if self._unjudged is not None:
            raise self._unjudged
        context = self.execution_context.context
        cutoff = getattr(context, "cutoff", None)
        if self.execution_context.operation_type is OperationType.SUBSCRIPTION and cutoff is None:
            raise BadInputError("query", "is a subscription, which needs a WebSocket, or `Accept: text/event-stream`")
        with whole(self.execution_context.operation_type, cutoff):
            yield


class RecordDecisions(SchemaExtension):
    """An answer whose denials can't be stored is not given: the error that is raised here stands in its place."""

    async def on_operation(self) -> AsyncIterator[None]:
        """Over HTTP: an operation has one answer, which goes out after this."""
        yield
        await self._settle(self.execution_context.result)

    async def on_stream_result(self, result: Any) -> AsyncIterator[None]:
        """Over a socket: each answer, and each event of a subscription, which waits until that can be done."""
        waits = delays()
        while True:
            try:
                await self._settle(result)
                break
            except PyMongoError:
                if not self._subscribing:
                    raise
            await asyncio.sleep(next(waits))
        yield

    @property
    def _subscribing(self) -> bool:
        """What has no such operation is refused, once: then Strawberry can't tell the kind."""
        asked = self.execution_context
        with suppress(RuntimeError):
            return asked.graphql_document is not None and asked.operation_type is OperationType.SUBSCRIPTION
        return False

    async def _settle(self, result: Any) -> None:
        context = self.execution_context.context
        if isinstance(context, Context):
            await settle(context, getattr(result, "errors", None), counted=not self._subscribing)


class LimitExecution(SchemaExtension):
    """Stands after the extension that finds out who asks."""

    def __init__(self, limits: DocumentLimits, model: Model) -> None:
        self._limits = limits
        self._model = model
        self._cost: Price | None = None

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
        document = asked.graphql_document
        operation = operation_of(document, asked.operation_name) if document is not None else None
        actual = Actual(asked.schema._schema, self._model, document) if document is not None else None
        return cost_extension(self._cost, actual, operation, getattr(asked.result, "data", None))

    async def _judge(self, context: Context) -> None:
        asked = self.execution_context
        if asked.graphql_document is None:
            return
        estimate = Estimate(asked.schema._schema, self._model)
        cost = estimate.of(asked.graphql_document, asked.operation_name, asked.variables)
        introspecting = introspections(asked.query or "", asked.graphql_document)
        self._cost = priced(context, cost, introspecting, self._limits)
        await admit(context, self._cost, introspecting, self._limits)


class JudgeDocuments(SchemaExtension):
    """Gives a request the document that an earlier one left, or judges the one that it brings.

    INVARIANT: documents are judged by the same rules and limits whoever sends them. What depends on the caller, or on
    variables, belongs into execution.
    """

    def __init__(self, documents: Documents, limits: DocumentLimits) -> None:
        self._documents = documents
        self._limits = limits
        self._known = False

    def on_operation(self) -> Iterator[None]:
        self.execution_context.parse_options["max_tokens"] = self._limits.tokens
        yield

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        document = self._documents.find(context.query or "")
        if document is not None:
            context.graphql_document = document
            self._known = True
        yield
        for error in context.pre_execution_errors or ():
            told = unread(error, self._limits)
            error.message, error.extensions = told.message, told.extensions

    async def on_validate(self) -> AsyncIterator[None]:
        context = self.execution_context
        if not self._known:
            await asyncio.sleep(0)  # to read one may have taken 25 ms, and to judge it takes as long: let others pass
        context.pre_execution_errors = [] if self._known else self._judge(context.graphql_document)
        yield
        if not (self._known or context.pre_execution_errors) and context.query and context.graphql_document:
            self._documents.remember(context.query, context.graphql_document)

    def _judge(self, document: DocumentNode | None) -> list[GraphQLError]:
        context = self.execution_context
        if document is None:
            return []
        suggest = suggests(context.context, self._limits)
        return flaws(context.schema._schema, document, self._limits, suggest=suggest)


class Strawberrys(Schema):
    """A schema that executes as Strawberry does."""

    execute = strawberry.Schema.execute
    stream = strawberry.Schema.stream

    def get_extensions(self, sync: bool = False) -> list[SchemaExtension]:
        """In their order."""
        return [
            OwnContext(),
            JudgeDocuments(self.documents, self.limits),
            LimitExecution(self.limits, self.costs),
            RecordDecisions(),
        ]

    async def _prepare_operation_async(
        self, context: ExecutionContext, extensions_runner: SchemaExtensionsRunner
    ) -> PreExecutionError | None:
        """What is too large is not even parsed. An extension can't refuse it: a stream would break off."""
        error = premature(context.context, context.query, context.variables, self.limits)
        if error is not None:
            context.pre_execution_errors = [error]
            return PreExecutionError(data=None, errors=[error])
        judging = 0 if self.documents.find(context.query or "") is not None else price_of(context.query or "")
        try:
            failed = await self._judged_beside(context)
            failed = failed or await super()._prepare_operation_async(context, extensions_runner)
        except Exception:
            await count_refused(context.context, judging)
            raise
        if failed is None and _is_undetermined(context):
            failed = PreExecutionError(data=None, errors=[undetermined()])
        if failed is not None:
            context.pre_execution_errors = failed.errors
            if (error := await count_refused(context.context, judging)) is not None:
                context.pre_execution_errors = [error]
                return PreExecutionError(data=None, errors=[error])
        return failed

    async def _judged_beside(self, context: ExecutionContext) -> PreExecutionError | None:
        """The extensions find the document remembered, then."""
        errors = await self.judge(context.query or "", context.context)
        return PreExecutionError(data=None, errors=errors) if errors else None


def _is_undetermined(asked: ExecutionContext) -> bool:
    definitions = asked.graphql_document.definitions if asked.graphql_document is not None else ()
    operations = sum(isinstance(each, OperationDefinitionNode) for each in definitions)
    return asked._provided_operation_name is None and operations > 1
