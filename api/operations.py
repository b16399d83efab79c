"""Each operation has a context of its own, also on a socket, where it would be judged by rights of long ago."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, nullcontext

from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

from permissions.authn.cutoff import Cutoff
from resolvers.context import Context
from resolvers.errors import BadInputError


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


def whole(kind: OperationType, cutoff: Cutoff | None) -> AbstractContextManager[object]:
    """Within the block what changes something is done to its end, though who asked be cut off."""
    return cutoff.done() if kind is OperationType.MUTATION and cutoff is not None else nullcontext()
