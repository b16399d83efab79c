"""What is streamed, twice: our way, compiled, and Strawberry's, by its extensions and graphql-core."""

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import chain
from random import Random
from typing import Any, Final

from graphql import ExecutionResult, get_operation_ast

from api.documents.answering import CountingExecution
from api.schema import Schema
from permissions.authn.cutoff import Cutoff
from resolvers.errors import NotFoundError
from tests.differential.calls import calls
from tests.differential.cases import Case
from tests.differential.outcomes import Outcome, as_json, outcome
from tests.differential.people import People
from tests.differential.pipelines import UNIDENTIFIED, Noted, Noting, Pipelines, unidentified

MOST_EVENTS: Final = 4
Stream = Callable[..., Awaitable[AsyncGenerator[Any, None]]]


@dataclass(kw_only=True)
class Streams(Pipelines):
    """Who listens is told of the case's events, if the guards of what he listens to let him."""

    case: Case | None = None

    async def compiled(self, case: Case) -> Outcome:
        """By the straight line."""
        return await self._streamed(self.schema.stream, case)

    async def by_core(
        self, case: Case, by: type[CountingExecution] = CountingExecution, *, propagates: bool = True
    ) -> Outcome:
        """By Strawberry's extensions."""
        document, _ = self._parsed(case.text)
        if get_operation_ast(document, case.operation) is None:
            return UNIDENTIFIED
        self.off.execution_context_class = by
        try:
            return await self._streamed(self.off.stream, case)
        finally:
            self.off.execution_context_class = CountingExecution

    async def _streamed(self, stream: Stream, case: Case) -> Outcome:
        assert isinstance(self.contexts, People)
        noting: Any = Noting()
        context = replace(self.contexts.context(case.caller), audit=noting, allowance=None, cutoff=Cutoff())
        context.socket = case.event % 2 == 0
        self.case = case
        with calls() as sent:
            source = await stream(
                case.text,
                variable_values=dict(case.variables),
                context_value=context,
                operation_name=case.operation,
            )
            async with aclosing(source):
                answers = [(type(each).__name__, each.data, each.errors, each.extensions) async for each in source]
        if case.stray and len(answers) == 1 and unidentified(ExecutionResult(*answers[0][1:3])) and not sent:
            return UNIDENTIFIED
        errors = list(chain.from_iterable(each[2] or () for each in answers))
        told: Any = [[kind, data, len(wrong or ())] for kind, data, wrong, _ in answers]
        found = outcome(ExecutionResult(told, errors), Noted(context.answering, noting.takings), sent)
        # Each answer is counted by itself: of what was told nothing is known any more.
        return replace(found, counted=0, extensions=as_json([dict(each[3] or {}) for each in answers]))

    def listen(self, schema: Schema) -> Iterator[tuple[Any, Callable[..., Any]]]:
        """For each root field what is to stand in place of its own subscribing."""
        assert schema._schema.subscription_type is not None
        for each in schema._schema.subscription_type.fields.values():
            yield each, self._instead(each.subscribe)

    def _instead(self, subscribe: Any) -> Callable[..., Any]:
        async def subscribed(root: Any, info: Any, **given: Any) -> AsyncGenerator[Any, None]:
            """Its guards, and what it makes of its arguments, are its own; what happens is ours."""
            events = subscribe(root, info, **given)
            events = await events if inspect.isawaitable(events) else events
            await events.aclose()
            return self._happening(info.context)

        return subscribed

    async def _happening(self, context: Any) -> AsyncGenerator[Any, None]:
        case = self.case
        assert case is not None
        assert self.happened is not None
        chance = Random(case.event)
        for number in range(chance.randrange(MOST_EVENTS)):
            yield await self.happened(replace(case, event=case.event + number), context)
        if chance.randrange(6) == 0:
            raise NotFoundError("Conversation") if chance.randrange(2) else RuntimeError("it ends early")
