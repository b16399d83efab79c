"""Answers are counted while they are put together, and end where they would be too large."""

import math
import time
from typing import Any, Final

from graphql import GraphQLError, GraphQLLeafType
from graphql.pyutils import Path
from graphql.type.definition import GraphQLResolveInfoHelpers
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from api.errors import Code
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

    @property
    def async_helpers(self) -> GraphQLResolveInfoHelpers:
        """Made for who asks: kept here, they would keep this, and who asks, for the garbage collector."""
        return GraphQLResolveInfoHelpers(gather=self.gather_async_work, track=self.track_async_work)

    @async_helpers.setter
    def async_helpers(self, made: GraphQLResolveInfoHelpers) -> None:
        """graphql-core makes them with each execution; few ask for them."""

    def execute_fields_serially(self, *given: Any, **named: Any) -> Any:
        """The fields of a mutation, one after the other: what is not begun in time is not begun at all.

        INVARIANT: a field that has begun is done to its end. To cut it off would leave half of what it writes.
        """
        execute, until = self.execute_field, getattr(self.context_value, "begin_until", math.inf)

        def in_time(parent_type: Any, source: Any, details: Any, path: Path, *rest: Any) -> Any:
            if path.prev is None and late(until):
                raise not_begun(details, path)
            return execute(parent_type, source, details, path, *rest)

        self.execute_field = in_time  # type: ignore[assignment, method-assign]
        return super().execute_fields_serially(*given, **named)

    def complete_leaf_value(self, return_type: GraphQLLeafType, result: Any) -> Any:  # type: ignore[override]
        value = _complete(return_type, result)
        size = LEAF_BYTES + (len(value) if type(value) is str else size_of(value))
        meter: Meter | None = getattr(self.context_value, "answering", None)
        return value if meter is None or meter.fits(size) else ""


def late(until: float) -> bool:
    """Whether no further field of a mutation is begun."""
    return time.monotonic() >= until


def not_begun(details: Any, path: Path) -> GraphQLError:
    """What is said of a mutation's field that is not begun any more."""
    return GraphQLError(
        "the mutation took so long that this field was not begun; those before it were done",
        [each.node for each in details],
        path=path.as_list(),
        extensions={"code": Code.QUERY_TOO_COMPLEX.value, "limit": "mutation_seconds"},
    )


def refusal(context: Context) -> GraphQLError | None:
    """What is said instead of an answer that is too large."""
    try:
        context.answering.require()
    except AnswerTooLargeError as error:
        return GraphQLError(str(error), original_error=error)
    return None


def size_of(value: Any) -> int:
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
