"""What one request over HTTP is answered, where that is one answer: executed, and told as the specification says."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from graphql import GraphQLError
from strawberry.exceptions import MissingQueryError
from strawberry.http import GraphQLHTTPResponse
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from api.answer_json import answer_json
from api.contexts import ServedContext
from api.errors import SHOWN, Code
from api.event_streams import MEDIA_TYPE
from api.execution import Question, answer
from api.graphql_request import Asked
from api.graphql_response import never_executed, status
from api.refusals import RefusedRequestError
from api.schema import Schema
from resolvers.context import Context

SAFE: Final = frozenset({OperationType.QUERY})
"""What may be executed for a method that changes nothing."""
UNSAFE: Final = SAFE | {OperationType.MUTATION}


class Told(NamedTuple):
    """An answer, as it goes over the wire."""

    status: int
    body: bytes


async def answered(schema: Schema, question: Asked, context: ServedContext, media_type: str, *, safe: bool) -> Told:
    """What is answered to a method that is `safe`, or isn't. Raise `RefusedRequestError`, and what `REFUSED` names."""
    result: ExecutionResult
    if context.services.operations.are_texts(question.document_id, question.extensions):
        result = await executed(schema, question.query, question, context, safe=safe)
    else:
        try:
            text = await document(schema, question.query, question.document_id, question.extensions, context)
        except GraphQLError as error:
            result = PreExecutionError(data=None, errors=[error])
        else:
            result = await executed(schema, text, question, context, safe=safe)
    told = formatted(result)
    return Told(status(told, media_type), answer_json(told))


async def document(
    schema: Schema, query: str | None, document_id: object, extensions: Mapping[str, Any] | None, context: Context
) -> str | None:
    """What a request stands for, or an operation on a socket. Raise `GraphQLError` where it stands for nothing."""
    if not isinstance(context, ServedContext):
        raise TypeError("who asks isn't known, so nothing is run")
    return await context.services.operations.text(query, document_id, extensions, context, schema)


async def executed(
    schema: Schema, text: str | None, question: Asked, context: Context, *, safe: bool
) -> ExecutionResult:
    """By a method that is safe nothing is changed; what has many answers is no single one."""
    try:
        kinds = SAFE if safe else UNSAFE
        asked = Question(text, question.variables, question.operation_name, context, kinds, question.extensions)
        return await answer(schema, asked)
    except CannotGetOperationTypeError as error:
        code = {"code": Code.BAD_USER_INPUT.value}
        return PreExecutionError(None, [GraphQLError(error.as_http_error_reason()[:SHOWN], extensions=code)])
    except MissingQueryError:
        raise RefusedRequestError(400, "`query` is missing") from None
    except InvalidOperationTypeError as error:
        raise _misplaced(error.operation_type) from None


def formatted(result: ExecutionResult) -> GraphQLHTTPResponse:
    """What was never executed has no data, not even none (GraphQL, 7.1.2)."""
    told: Any = {}
    if result.data is not None or not never_executed(result.errors):
        told["data"] = result.data
    if result.errors:
        told["errors"] = [each.formatted for each in result.errors]
    if result.extensions:
        told["extensions"] = result.extensions
    answer: GraphQLHTTPResponse = told
    return answer


def _misplaced(kind: OperationType) -> RefusedRequestError:
    if kind is OperationType.SUBSCRIPTION:
        return RefusedRequestError(406, f"a subscription is answered as `{MEDIA_TYPE}`, or over WebSocket")
    return RefusedRequestError(405, "what changes something is asked for by `POST`", {"Allow": "POST"})
