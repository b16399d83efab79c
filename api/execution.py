"""How an operation that has one answer is executed: each step in its place, and none that the request doesn't need.

What has many takes the same steps: `api.response_streams`.
"""

import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from graphql import ExecutionResult, GraphQLError
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import ExecutionResult as Answer
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from api.decisions import settle
from api.documents.bench import SHORT, name_of, pay
from api.documents.cost import Actual
from api.documents.executing import GRACE_SECONDS, Price, Timer, admit, cost_extension, priced, require_right
from api.documents.gate import HEAVY
from api.documents.judging import overlong
from api.documents.limits import DocumentLimits
from api.documents.schema_access import may_introspect, without_suggestion
from api.documents.variables import problem
from api.errors import UNAVAILABLE, Code, publish
from api.operations import whole
from api.prepared import Prepared, Remembering, named, prepared
from api.promptness import within
from resolvers.context import Context
from resolvers.errors import TooFastError

AWAY: Final = Code.UNAVAILABLE.value
BAD_INPUT: Final = {"code": Code.BAD_USER_INPUT.value}
NEVER_EXECUTED: Final = (MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError)
"""What is told in other ways than as the errors of an answer."""


@dataclass(slots=True)
class Question:
    """What is asked for, and by whom; its document is not judged yet."""

    text: str | None
    variables: dict[str, Any] | None
    name: str | None
    context: Context
    kinds: Collection[OperationType]
    """Those that are allowed."""
    extensions: Mapping[str, Any] | None = None
    root: Any = None
    operation: Prepared | None = None
    """None until the document is found to be sound."""
    judging: int = 0
    """What was counted for judging its document; 0 where that was done before."""
    price: Price | None = None


async def answer(schema: Remembering, asked: Question) -> Answer:
    """Execute it. Raises what `NEVER_EXECUTED` names; all else is told as an error.

    INVARIANT: what was decided is written down before this returns, however it went.
    """
    return await concluded(schema, asked, [] if _at_hand(schema, asked) else await find(schema, asked))


async def concluded(schema: Remembering, asked: Question, errors: list[GraphQLError]) -> Answer:
    """The answer to what was found, with `errors` if it has any."""
    if errors or asked.operation is None:
        result: Answer = refused(schema, asked, errors)
    else:
        try:
            result = await _executed(schema, asked, asked.operation)
        except Exception as error:
            result = refused(schema, asked, [located(error)])
    try:
        if result.errors or asked.context.unsettled:
            changing = asked.operation is not None and asked.operation.kind is OperationType.MUTATION
            await settle(asked.context, result.errors, changing=changing)
    except Exception as error:
        result = refused(schema, asked, [located(error)])
    tell_cost(schema, asked, result)
    return result


async def find(schema: Remembering, asked: Question) -> list[GraphQLError]:
    """Why it is not executed; nothing where `asked` has its operation now. Raise what `NEVER_EXECUTED` names."""
    if (too_much := premature(asked.context, asked.text, asked.variables, schema.limits)) is not None:
        return [too_much]
    try:
        errors = await _looked_up(schema, asked, asked.text)
    except NEVER_EXECUTED:
        await count_refused(asked.context, asked.judging)
        raise
    except TooFastError as error:  # that was counted
        return [located(error)]
    except Exception as error:
        await count_refused(asked.context, asked.judging)
        return [located(error)]
    if errors and (more := await count_refused(asked.context, asked.judging)) is not None:
        return [more]
    return errors


def _at_hand(schema: Remembering, asked: Question) -> bool:
    """Whether `find` would find nothing wrong: `asked` has its operation now, which is remembered. The common case."""
    try:
        operation = prepared(schema, asked.text, asked.name) if asked.text else None
    except CannotGetOperationTypeError:
        return False
    if operation is None or operation.kind not in asked.kinds or (asked.name is None and not operation.alone):
        return False
    if premature(asked.context, asked.text, asked.variables, schema.limits) is not None:
        return False
    asked.operation = operation
    return True


def premature(
    context: object, text: str | None, variables: Mapping[str, Any] | None, limits: DocumentLimits
) -> GraphQLError | None:
    """What is said before anything is read: of who may do nothing yet, and of what is too large."""
    if isinstance(context, Context) and context.allowance is not None:
        try:
            context.allowance.require(context.access)
        except TooFastError as error:  # that costs nothing to answer
            return GraphQLError(str(error), original_error=error)
    return overlong(text, limits) or problem(variables, limits)


async def _looked_up(schema: Remembering, asked: Question, text: str | None) -> list[GraphQLError]:
    """What is wrong with the document, or with what is asked of it; `asked` has the operation where that is nothing."""
    if not text:
        raise MissingQueryError
    asked.operation = prepared(schema, text, asked.name)
    return await _judged(schema, asked, text) if asked.operation is None else _misplaced(asked)


async def _judged(schema: Remembering, asked: Question, text: str) -> list[GraphQLError]:
    """What is wrong with a document that is not remembered; from now on it is, if that is nothing."""
    asked.judging = await pay(asked.context, text)
    try:
        document, errors = await schema.bench.judge(schema._schema, text, asked.context, schema.limits)
    except GraphQLError as error:
        return [error]
    if len(text) > SHORT:
        await asked.context.renew()  # it had to wait for its turn: rights are those of now
    operation = named(document, asked.name)
    if errors:
        _require_kind(asked, OperationType(operation.operation.value))
        return errors
    schema.documents.remember(text, document)
    asked.operation = prepared(schema, text, asked.name) or Prepared(schema, text, document, operation)
    return _misplaced(asked)


def _misplaced(asked: Question) -> list[GraphQLError]:
    operation = asked.operation
    if operation is None:
        return []
    if asked.name is None and not operation.alone:
        return [undetermined()]  # of none of them it can be said that it is of the wrong kind
    _require_kind(asked, operation.kind)
    return []


def _require_kind(asked: Question, kind: OperationType) -> None:
    if kind not in asked.kinds:
        raise InvalidOperationTypeError(kind)


def undetermined() -> GraphQLError:
    """What is said where one of several operations should be named (GraphQL, 6.1): Strawberry would take the first."""
    return GraphQLError("`operationName` must say which of the document's operations is meant", extensions=BAD_INPUT)


async def count_refused(context: object, judging: int) -> GraphQLError | None:
    """What is refused counts as the least, where `judging` it didn't; what is said where that is too much."""
    if judging or not isinstance(context, Context):
        return None
    try:
        with suppress(*UNAVAILABLE):
            await context.spend(0)
    except TooFastError as error:
        return GraphQLError(str(error), original_error=error)
    return None


async def _executed(schema: Remembering, asked: Question, operation: Prepared) -> Answer:
    context = asked.context
    if operation.kind is OperationType.QUERY:
        await begin(schema, asked, operation)
        result = await _queried(schema, asked, operation)
        context.answering.require()
    else:
        with whole(operation.kind, context.cutoff):
            await begin(schema, asked, operation)
            result = await _run(schema, asked, operation)
            context.answering.require()
    return Answer(result.data, result.errors)


async def begin(schema: Remembering, asked: Question, operation: Prepared) -> None:
    """Have it counted, and raise where it may not be executed."""
    context, limits = asked.context, schema.limits
    context.measure_anew(limits.answer_bytes)
    asked.price = _price(schema, asked, operation)
    await admit(context, asked.price, operation.introspections, limits, asked.judging)
    context.begin_until = time.monotonic() + limits.mutation_seconds


def _price(schema: Remembering, asked: Question, operation: Prepared) -> Price:
    return priced(asked.context, operation.cost(asked.variables), operation.introspections, schema.limits)


async def _queried(schema: Remembering, asked: Question, operation: Prepared) -> ExecutionResult:
    """One that asks for much waits for its turn."""
    if asked.price is None or asked.price["estimated"] < HEAVY:
        with asked.context.tree.precedence:  # what asks for much, of others, waits meanwhile
            return await _in_time(schema, asked, operation)
    asked.context.reading.gives_way = True
    async with schema.gate.turn(name_of(asked.context)) as waited:
        if waited:  # INVARIANT: rights are those of when it begins, not of when it was sent
            await asked.context.renew()
            asked.context.access.require_not_refused()  # else he would be told what nobody may spend
            asked.price = _price(schema, asked, operation)
            require_right(asked.context, asked.price, operation.introspections, schema.limits)
        return await _in_time(schema, asked, operation)


async def _in_time(schema: Remembering, asked: Question, operation: Prepared) -> ExecutionResult:
    """A query may be broken off: it has changed nothing."""
    with Timer(schema.limits.seconds) as timer:
        result = await _run(schema, asked, operation, timer.seconds + GRACE_SECONDS)
        timer.require()
    return result


async def _run(
    schema: Remembering, asked: Question, operation: Prepared, seconds: float | None = None
) -> ExecutionResult:
    found = operation.execute(asked.context, asked.variables, root=asked.root, extensions=asked.extensions)
    if not isinstance(found, ExecutionResult):
        found = await (found if seconds is None else within(seconds, found))
    if found.errors:
        tell(schema, found.errors, asked.context)
    return found


def refused(schema: Remembering, asked: Question, errors: list[GraphQLError]) -> Answer:
    """What is answered where nothing was executed."""
    tell(schema, errors, asked.context)
    return PreExecutionError(data=None, errors=errors)


def tell(schema: Remembering, errors: list[GraphQLError], asker: object) -> None:
    """Make errors, in place, what `asker` may see of them; he is the context of an operation."""
    suggest = isinstance(asker, Context) and may_introspect(asker, schema.limits.introspection)
    for error in errors:
        if not suggest:
            without_suggestion(error)
        publish(error)
    if isinstance(asker, Context) and any((each.extensions or {}).get("code") == AWAY for each in errors):
        asker.missed = True


def located(error: Exception) -> GraphQLError:
    """It, as an error of an answer."""
    return error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)


def tell_cost(schema: Remembering, asked: Question, result: Answer) -> None:
    """Have the answer say what it cost, if that was asked for, and is known."""
    operation, price = asked.operation, asked.price
    if price is None or operation is None or (asked.extensions or {}).get("cost") is not True:
        return
    actual = Actual(schema._schema, schema.costs, operation.document)
    result.extensions = cost_extension(price, actual, operation.operation, result.data)
