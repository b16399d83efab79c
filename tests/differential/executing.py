"""The same document, by the compiler and by graphql-core, each with a context of its own that tells the same."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final, Protocol, cast

import strawberry
from graphql import (
    ConstDirectiveNode,
    DocumentNode,
    ExecutionResult,
    NameNode,
    OperationDefinitionNode,
    execute,
    parse,
)
from strawberry.execution import optimized_is_awaitable

from api.compiler import compile_operation
from api.documents.answering import CountingExecution
from tests.differential.calls import calls
from tests.differential.cases import Case
from tests.differential.outcomes import Outcome, outcome
from tests.differential.tasks import begun, rest

KEPT: Final = 200
"""Documents that are compiled."""
MOST_SECONDS: Final = 60


class Contexts(Protocol):
    """Whose answers are asked for."""

    def context(self, caller: str) -> Any:
        """A new one for him: nothing was decided, loaded or counted. Two of them are alike."""


class Disturbed(CountingExecution):
    """graphql-core, whose resolvers end in another order: whatever then differs is no promise of it."""

    chance = Random(0)
    latest: float = 0.0
    """Seconds by which the slowest ends later; 0 for some turns of the event loop."""

    async def complete_awaitable_value(self, *given: Any, **named: Any) -> Any:
        for _ in range(self.chance.randrange(6)):
            await asyncio.sleep(0)
        if self.latest and self.chance.randrange(2):
            await asyncio.sleep(self.chance.uniform(0, self.latest))
        return await super().complete_awaitable_value(*given, **named)


def disturbed(seed: int, latest: float = 0.0) -> type[CountingExecution]:
    """The same each time for the same `seed`, but for what the stores take."""
    return type("Disturbed", (Disturbed,), {"chance": Random(seed), "latest": latest})


@dataclass
class Executors:
    """Of one schema. `compiler` is what is tried; a test puts in one that is wrong."""

    schema: strawberry.Schema
    contexts: Contexts
    compiler: Callable[..., Any] = compile_operation
    happened: Callable[[Case, Any], Awaitable[Any]] | None = None
    """Makes the event that a subscription tells of."""
    uncompiled: int = 0
    """Executions that were left to graphql-core as a whole."""
    _known: OrderedDict[str, tuple[DocumentNode, dict[str | None, Any]]] = field(default_factory=OrderedDict)

    async def compiled(self, case: Case) -> Outcome:
        """Compiled from its first execution on, and kept for the next."""
        document, known = self._parsed(case.text)
        if case.operation not in known:
            made = self.compiler(self.schema, document, operation(document, case.operation))
            known[case.operation] = made.now()
        one = known[case.operation]
        found = await self._ended(case, lambda context, root: one.execute(context, case.variables, root=root))
        self.uncompiled += not one.weight
        return found

    async def by_core(
        self, case: Case, by: type[CountingExecution] = CountingExecution, *, propagates: bool = True
    ) -> Outcome:
        """As the specification has it. Where nothing `propagates`, each field that fails says so, and ends no other."""
        document, _ = self._parsed(case.text)
        if not propagates:
            document = unpropagated(document)
        return await self._ended(
            case,
            lambda context, root: execute(
                self.schema._schema,
                document,
                root_value=root,
                context_value=context,
                variable_values=dict(case.variables),
                operation_name=case.operation,
                executor_class=by,
                is_awaitable=cast(Any, optimized_is_awaitable),
                operation_extensions=None,
            ),
        )

    async def _ended(self, case: Case, run: Callable[[Any, Any], Any]) -> Outcome:
        context = self.contexts.context(case.caller)
        root = None
        if self.happened is not None and "subscription" in case.text:
            root = await self.happened(case, context)
        with calls() as sent, begun() as tasks:
            async with asyncio.timeout(MOST_SECONDS):
                result = run(context, root)
                if not isinstance(result, ExecutionResult):
                    result = await result
        found = outcome(result, context, sent)
        await rest(tasks)
        return found

    def _parsed(self, text: str) -> tuple[DocumentNode, dict[str | None, Any]]:
        if text not in self._known:
            self._known[text] = parse(text), {}
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        return self._known[text]


def operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The one that is meant."""
    return next(
        each
        for each in document.definitions
        if isinstance(each, OperationDefinitionNode) and (name is None or (each.name and each.name.value == name))
    )


def unpropagated(document: DocumentNode) -> DocumentNode:
    """Executed without that a null takes its parents along."""
    directive = ConstDirectiveNode(name=NameNode(value="experimental_disableErrorPropagation"), arguments=())
    return replace(document, definitions=tuple(_directed(each, directive) for each in document.definitions))


def _directed(definition: Any, directive: ConstDirectiveNode) -> Any:
    if not isinstance(definition, OperationDefinitionNode):
        return definition
    return replace(definition, directives=(*(definition.directives or ()), directive))
