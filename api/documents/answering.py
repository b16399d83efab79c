"""Answers are counted while they are put together, and end where they would be too large."""

from typing import Any, Final

from graphql import GraphQLError, GraphQLLeafType
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from models.tree.errors import AnswerTooLargeError
from models.tree.meter import Meter
from resolvers.context import Context

LEAF_BYTES: Final = 16
"""What a value counts as besides what it says: its name, quotes and commas."""


_complete: Final = StrawberryGraphQLCoreExecutionContext.complete_leaf_value


class CountingExecution(StrawberryGraphQLCoreExecutionContext):
    """Counts each value. Once it is too much, values cost nothing any more: who asked for the execution refuses it.

    An error for each would be more than what they say.
    """

    def complete_leaf_value(self, return_type: GraphQLLeafType, result: Any) -> Any:  # type: ignore[override]
        value = _complete(return_type, result)
        size = LEAF_BYTES + (len(value) if type(value) is str else _size(value))
        meter: Meter | None = getattr(self.context_value, "answering", None)
        return value if meter is None or meter.fits(size) else ""


def refusal(context: Context) -> GraphQLError | None:
    """What is said instead of an answer that is too large."""
    try:
        context.answering.require()
    except AnswerTooLargeError as error:
        return GraphQLError(str(error), original_error=error)
    return None


def _size(value: Any) -> int:
    """About so many bytes; of a free form all that is in it."""
    if isinstance(value, str):
        return len(value)
    if not isinstance(value, dict | list):
        return 0
    size, waiting = 0, [value]
    while waiting:
        each = waiting.pop()
        size += LEAF_BYTES
        if isinstance(each, str):
            size += len(each)
        elif isinstance(each, dict):
            size += sum(map(len, map(str, each)))
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
    return size
