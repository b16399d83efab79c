"""What was decided is written down before the answer goes out, over HTTP and over sockets."""

from collections.abc import AsyncIterator
from typing import Any

from strawberry.extensions import SchemaExtension

from resolvers.context import Context


class RecordDecisions(SchemaExtension):
    """An answer whose denials can't be stored is not given: the error that is raised here stands in its place."""

    async def on_operation(self) -> AsyncIterator[None]:
        """Over HTTP: an operation has one answer, which goes out after this."""
        yield
        await self._settle()

    async def on_stream_result(self, result: Any) -> AsyncIterator[None]:
        """Over a socket: each answer, and each event of a subscription."""
        await self._settle()
        yield

    async def _settle(self) -> None:
        context = self.execution_context.context
        if isinstance(context, Context):
            await context.settle()
