"""An event as the bytes of its answer: executed, its decisions written down, serialised."""

import asyncio
import secrets
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Final

import strawberry
from graphql import GraphQLError
from pymongo.errors import PyMongoError

from api.answer_json import answer_json
from api.errors import Code
from api.fanout.questions import Question
from api.response_streams import executed
from api.schema import Schema
from models.redis.backoff import delays
from resolvers.chat.events import AccessRevoked, ConversationEvent
from resolvers.chat.following import Right
from resolvers.context import Context, settle_all

BLANK: Final = secrets.token_hex(16).encode()
"""Stands where the name of a decision will: nobody can have it in what he asks."""
NAME: Final = strawberry.ID(BLANK.decode())


class Renderer:
    """Executes by a schema."""

    def __init__(self, schema: Schema) -> None:
        self._schema: Final = schema
        self._farewell: tuple[Hashable, bytes] | None = None

    async def render(
        self, context: Context, question: Question, event: ConversationEvent, fellows: Iterable[Context] = ()
    ) -> bytes:
        """The answer's payload. It waits until what was decided can be written down.

        For denials pays whose `context` it is, or one of the `fellows`, for whom the answer is as well. Where nobody
        can, all are told that instead.

        Where a store was away, `context.missed` says so afterwards.
        """
        body = await self._executed(context, question, event)
        try:
            await context.pay(forgo=True, fellows=fellows)
        except Exception as error:
            body = self.failed(error)
        await settled([context])
        return body

    async def farewell(self, context: Context, question: Question, right: Right, cursor: str) -> bytes:
        """As `render`, executed once for all who lose a right to the same at the same place. It waits for nothing.

        INVARIANT: of what is told, nothing hangs on who asks but the decision's name, which is put in.
        """
        name, reason = right.decision_id, right.reason
        told = (question, cursor, reason, name is None)
        if self._farewell is None or self._farewell[0] != told:
            blank = AccessRevoked(cursor=cursor, reason=reason, decision_id=None if name is None else NAME)
            self._farewell = told, await self._executed(context, question, blank)
        body = self._farewell[1]
        return body if name is None else body.replace(BLANK, name.encode())

    async def _executed(self, context: Context, question: Question, event: ConversationEvent) -> bytes:
        context.measure_anew(self._schema.limits.answer_bytes)
        result = await executed(question.operation, context, question.variables, event)
        payload: dict[str, Any] = {"data": result.data}
        if result.errors:
            payload |= self._errors(result.errors)
            context.missed |= any(_away(error) for error in result.errors)
        return answer_json(payload)

    def failed(self, error: Exception) -> bytes:
        """The payload that tells of it."""
        told = error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)
        return answer_json({"data": None, **self._errors([told])})

    def _errors(self, errors: list[GraphQLError]) -> Mapping[str, Any]:
        self._schema.process_errors(errors)
        return {"errors": [error.formatted for error in errors]}


async def settled(contexts: Sequence[Context]) -> None:
    """Return when what was decided for them is written down."""
    for wait in delays():
        try:
            await settle_all(contexts)
        except PyMongoError:
            await asyncio.sleep(wait)
        else:
            return


def _away(error: GraphQLError) -> bool:
    return (error.extensions or {}).get("code") == Code.UNAVAILABLE.value
