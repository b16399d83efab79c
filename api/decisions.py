"""What was decided is written down before the answer goes out, over HTTP and over sockets."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress
from typing import Any

from pymongo.errors import PyMongoError
from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

from permissions.engine.decision import Decision
from permissions.errors import EscalationError
from resolvers.context import Context
from resolvers.live.backoff import delays


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


async def settle(
    context: Context, errors: Iterable[Any] | None, *, counted: bool = True, changing: bool = False
) -> None:
    """Have written down what was decided, and by what `errors` were. Raise `PyMongoError` if that can't be.

    Raise `TooFastError` where the caller was denied more than he may have written down: that stands in place of his
    answer. What may have changed something is answered all the same. What happens to a listener is not his doing, and
    not `counted`.
    """
    if counted:
        await count(context, errors, changing=changing)
    else:
        _note(context, errors)
    await context.settle()


async def count(context: Context, errors: Iterable[Any] | None, *, changing: bool = False) -> None:
    """Have the caller pay for what he was denied; the rest as `settle`, which may then be tried again and again."""
    _note(context, errors)
    await context.pay(forgo=not changing)


def _note(context: Context, errors: Iterable[Any] | None) -> None:
    for decision in _refusals(errors or ()):
        context.access.note(decision)


def _refusals(errors: Iterable[Any]) -> Iterator[Decision]:
    """The decisions by which changes of permissions were refused: those are not taken by `Access`."""
    for error in errors:
        cause = getattr(error, "original_error", None)
        if isinstance(cause, EscalationError):
            yield cause.decision
