"""How an operation is executed whose answers are streamed: the events of a subscription, or the one answer of another.

Each operation of a socket has a context of its own: by the socket's it would be judged by rights of long ago.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Final, cast

from graphql import ExecutionResult, GraphQLError, create_source_event_stream
from pymongo.errors import PyMongoError
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import ExecutionResult as Answer
from strawberry.types.graphql import OperationType

from api.compiler.seams import Executor
from api.decisions import count
from api.documents.answering import refusal
from api.errors import SHOWN, Code
from api.execution import Question, begin, concluded, find, located, refused, tell, tell_cost
from api.prepared import Prepared, Remembering
from models.redis.backoff import delays
from resolvers.context import Context
from resolvers.errors import BadInputError

NOT_ALLOWED: Final = {
    OperationType.QUERY: "queries",
    OperationType.MUTATION: "mutations",
    OperationType.SUBSCRIPTION: "subscriptions",
}


async def answers(schema: Remembering, asked: Question) -> AsyncGenerator[Answer, None]:
    """All of them. What was not executed is told by a `PreExecutionError`, which is the only one.

    INVARIANT: what was decided for an answer is written down before that goes out.
    """
    errors = await _own_context(asked) or await _found(schema, asked)
    operation = asked.operation
    if errors or operation is None or operation.kind is not OperationType.SUBSCRIPTION:
        yield await concluded(schema, asked, errors)
        return
    async with aclosing(_events(schema, asked, operation)) as events:
        async for answer in events:
            tell_cost(schema, asked, answer)
            wrong = await settled(asked.context, answer.errors)
            if wrong is not None:
                tell(schema, [wrong], asked.context)
            yield answer if wrong is None else Answer(None, [wrong])
    await settled(asked.context, None)


async def executed(
    operation: Prepared,
    context: Context,
    variables: Mapping[str, Any] | None,
    event: object,
    extensions: Mapping[str, Any] | None = None,
) -> ExecutionResult:
    """The answer to one event, which counts by itself. What `context` is told of its errors is not decided here."""
    found = operation.execute(context, variables, root=event, extensions=extensions)
    result = found if isinstance(found, ExecutionResult) else await found
    error = refusal(context)
    return result if error is None else ExecutionResult(None, [error])


async def settled(context: Context, errors: list[GraphQLError] | None) -> GraphQLError | None:
    """Return when what was decided is written down: a listener waits for that.

    What he is told instead, where he was denied more than he may have written down.
    """
    wrong = None
    try:
        await count(context, errors)
    except Exception as error:
        wrong = located(error)
    for wait in delays():
        try:
            await context.settle()
        except PyMongoError:
            await asyncio.sleep(wait)
        else:
            break
    return wrong


async def _own_context(asked: Question) -> list[GraphQLError]:
    """Judge anew who asks on a socket: his session may have ended, his roles may have changed since it opened."""
    if asked.context.socket:
        try:
            asked.context = await asked.context.for_operation()
        except Exception as error:
            return [located(error)]
    return []


async def _found(schema: Remembering, asked: Question) -> list[GraphQLError]:
    """As `find`; here there is no other way to tell of it than as an error."""
    try:
        return await find(schema, asked)
    except CannotGetOperationTypeError as error:
        reason = error.as_http_error_reason()[:SHOWN]
    except InvalidOperationTypeError as error:
        reason = f"{NOT_ALLOWED[error.operation_type]} are not allowed"
    except MissingQueryError:
        reason = "`query` is missing"
    return [GraphQLError(reason, extensions={"code": Code.BAD_USER_INPUT.value})]


async def _events(schema: Remembering, asked: Question, operation: Prepared) -> AsyncGenerator[Answer, None]:
    """Those of a subscription. An error that is none of an event's is told as one, and ends it."""
    try:
        _require_listener(asked.context)
        await begin(schema, asked, operation)
        source = await _source(schema, asked, operation)
        if isinstance(source, ExecutionResult):
            yield refused(schema, asked, source.errors or [])
            return
        async with aclosing(source) as happening:
            async for event in happening:
                result = await executed(operation, asked.context, asked.variables, event, asked.extensions)
                if result.errors:
                    tell(schema, result.errors, asked.context)
                asked.context.measure_anew()
                yield Answer(result.data, result.errors)
    except Exception as error:
        wrong = [located(error)]
        tell(schema, wrong, asked.context)
        yield Answer(None, wrong)


def _require_listener(context: Context) -> None:
    """A subscription has many answers, and a request over HTTP has one."""
    if context.cutoff is None:
        raise BadInputError("query", "is a subscription, which needs a WebSocket, or `Accept: text/event-stream`")


async def _source(
    schema: Remembering, asked: Question, operation: Prepared
) -> AsyncGenerator[Any, None] | ExecutionResult:
    """What happens, or why nobody may hear of it: the guards of the root field are asked here, once."""
    executor = cast(type[Executor[Any]], schema.execution_context_class).build(
        schema._schema,
        operation.document,
        asked.root,
        asked.context,
        asked.variables,
        operation.name,
        operation_extensions=asked.extensions,
    )
    if isinstance(executor, list):
        return ExecutionResult(None, executor)
    source = create_source_event_stream(executor)
    found = await source if executor.is_awaitable(source) else source
    return cast("AsyncGenerator[Any, None] | ExecutionResult", found)
