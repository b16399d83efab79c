"""One execution of a compiled operation: what it has in hand, and the way back to graphql-core."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import strawberry
from graphql import ExecutionResult, GraphQLError, Undefined
from strawberry.exceptions import PermissionReturnedNonBooleanError

from api.compiler.arguments import Plan
from api.compiler.field import Field
from api.compiler.info import LightInfo
from api.compiler.paths import Place, path_of
from api.compiler.seams import (
    Executor,
    VariableValues,
    convert_arguments,
    gather_with_cancel,
    get_argument_values,
    optimized_is_awaitable,
)
from models.tree.meter import Meter
from permissions.guards import Guard
from resolvers.steady import Steady

Answer = dict[str, Any]
Builder = Callable[[Any, "Run", Place], Answer | Awaitable[Answer]]
"""Makes the answer of an object: at once, or as something to await."""
Builders = Mapping[type, Builder]
"""For each class whose objects are of a type that was foreseen."""

Given = tuple[Mapping[str, Any], Plan | None]
"""Arguments by their names in Python, with the plan by which they were put together; without one, by the schema's."""


class Operation(Protocol):
    """What is executed."""

    @property
    def schema(self) -> strawberry.Schema:
        """By which."""

    def executor(self, run: "Run") -> Executor[Any]:
        """graphql-core's, for the same execution."""


class Run:
    """Of one request, or one event."""

    __slots__ = ("_executor", "access", "allowed", "context", "extensions", "operation", "root", "size", "variables")

    def __init__(
        self,
        operation: "Operation",
        context: Any,
        root: Any,
        variables: VariableValues,
        extensions: Mapping[str, Any] | None,
    ) -> None:
        self.operation: Final = operation
        self.context: Final = context
        self.root: Final = root
        self.variables: Final = variables
        self.extensions: Final = extensions
        self.size = 0
        """Bytes of the answer, as `CountingExecution` counts them, of what was not counted by itself."""
        self.access: Any = None
        self.allowed: dict[Guard, Any] = {}
        """On what each guard has said yes last, by `access`."""
        self._executor: Executor[Any] | None = None

    @property
    def executor(self) -> Executor[Any]:
        """graphql-core's, of the same execution, with its errors. There is none where nothing is out of the way."""
        if self._executor is None:
            self._executor = self.operation.executor(self)
        return self._executor

    @property
    def foreseen(self) -> bool:
        """Whether everything was, so far: nothing went wrong, and nothing was left to graphql-core."""
        return self._executor is None

    @property
    def errors(self) -> list[Any] | None:
        """What went wrong, in the order in which it did."""
        return (self._executor.collected_errors.errors or None) if self._executor is not None else None

    def result(self, data: Answer | None) -> ExecutionResult:
        """What is answered; its bytes are counted, those of what graphql-core completed are already."""
        meter: Meter | None = getattr(self.context, "answering", None)
        if meter is not None:
            meter.fits(self.size)
        return ExecutionResult(data, self.errors)

    def nothing(self, error: GraphQLError) -> ExecutionResult:
        """What is answered where an error comes to the root."""
        self.executor.collected_errors.add(error, None)
        return self.result(None)

    async def finished(self, data: Awaitable[Answer]) -> ExecutionResult:
        """What is answered when all is there."""
        try:
            return self.result(await data)
        except GraphQLError as error:
            return self.nothing(error)

    # What generated functions call.

    def failed(self, error: Exception, field: Field, type_: Any, place: Place) -> None:
        """Note it where null stands for it; else raise it, with its place."""
        self.executor.handle_field_error(error, type_, field.details, path_of(place))

    def value(self, field: Field, value: Any, place: Place, *, awaited: bool = False) -> Any:
        """Have graphql-core complete what was not foreseen; it may be something to await.

        `awaited`: whether it came of an awaitable already. It is awaited once, as graphql-core does.
        """
        executor, path = self.executor, path_of(place)
        info = executor.build_resolve_info(field.definition, field.nodes, field.parent, path)
        waits = not awaited and optimized_is_awaitable(value)
        complete = executor.complete_awaitable_value if waits else executor.complete_value
        return complete(field.type, field.details, info, path, value, None)

    def fields(self, fields: Sequence[Field], source: Any, answer: Answer, waiting: list[str], place: Place) -> None:
        """Have graphql-core execute them from the beginning."""
        execute = self.executor.execute_field
        for field in fields:
            path = path_of((place, field.key, field.parent.name))
            value = execute(field.parent, source, field.details, path, None)
            if value is not Undefined:
                answer[field.key] = value
                if optimized_is_awaitable(value):
                    waiting.append(field.key)

    def again(self, fields: Sequence[Field], source: Any, place: Place) -> Any:
        """The whole answer of an object by graphql-core."""
        answer: Answer = {}
        waiting: list[str] = []
        try:
            self.fields(fields, source, answer, waiting, place)
        except Exception:
            self.abandon([answer[each] for each in waiting])
            raise
        return self.gathered(answer, waiting) if waiting else answer

    def objects(self, field: Field, builders: Builders, values: Sequence[Any], place: Place) -> Any:
        """The answers of a list of objects, in their order; something to await where one of them is."""
        items: list[Any] = []
        waiting: list[int] = []
        number = 0
        try:
            for number, value in enumerate(values):
                build = builders.get(type(value))
                if build is None:
                    self._unforeseen(field, value, items, waiting, (place, number, None))
                    continue
                try:
                    item: Any = build(value, self, (place, number, None))
                except Exception as error:
                    self.failed(error, field, field.item_type, (place, number, None))
                    item = None
                if item is not None and not isinstance(item, dict):
                    item = self.later(item, field, field.item_type, (place, number, None))
                    waiting.append(number)
                items.append(item)
        except Exception:
            rest = [each for each in values[number + 1 :] if optimized_is_awaitable(each)]
            self.abandon([items[each] for each in waiting] + rest)
            raise
        return self.gathered(items, waiting) if waiting else items

    def _unforeseen(self, field: Field, value: Any, items: list[Any], waiting: list[int], place: Place) -> None:
        executor, path, number = self.executor, path_of(place), len(items)
        info = executor.build_resolve_info(field.definition, field.nodes, field.parent, path.prev)
        if optimized_is_awaitable(value):
            complete = executor.complete_awaitable_list_item_value
            items.append(complete(value, field.item_type, field.details, info, path, None))
            waiting.append(number)
        elif executor.complete_list_item_value(value, items, field.item_type, field.details, info, path, None):
            waiting.append(number)

    async def later(self, value: Awaitable[Any], field: Field, type_: Any, place: Place) -> Any:
        """What comes of it, or null and an error."""
        try:
            return await value
        except Exception as error:
            self.failed(error, field, type_, place)
            return None

    async def gathered(self, answer: Any, waiting: Sequence[Any]) -> Any:
        """The answer, when all is there that it waits for: together, so that what they load is loaded together."""
        if len(waiting) == 1:  # as graphql-core does: a task more would be another turn of the event loop
            key = waiting[0]
            answer[key] = await answer[key]
            return answer
        found = await gather_with_cancel(*[answer[key] for key in waiting])
        for key, value in zip(waiting, found, strict=True):
            answer[key] = value
        return answer

    def abandon(self, awaitables: list[Any]) -> None:
        """Let what nobody waits for any more come to its end."""
        if awaitables:
            self.executor.settle_in_background(awaitables)

    def given(self, field: Field) -> Given:
        """A field's arguments, coerced. Raise `GraphQLError` where a variable doesn't do."""
        kwargs = field.plan.kwargs(self.variables.coerced) if field.plan is not None else None
        if kwargs is not None:
            return kwargs, field.plan
        return get_argument_values(field.definition, field.nodes[0], self.variables, None, False), None

    def converted(self, field: Field, given: Given, info: LightInfo) -> Mapping[str, Any]:
        """The same as its resolver wants them."""
        arguments, plan = given
        if plan is not None:
            return plan.finished(arguments)
        schema = self.operation.schema
        return convert_arguments(
            dict(arguments),
            field.made.arguments if field.made else [],
            scalar_registry=schema.schema_converter.scalar_registry,
            config=schema.config,
            info=info,
        )

    def require(self, guard: Guard, source: Any, info: LightInfo, kwargs: Mapping[str, Any]) -> None:
        """Ask it. It raises where the answer is no; anything but a clear yes is a no, too."""
        allowed = guard.has_permission(source, info, **kwargs)
        if allowed is True:
            return
        if allowed is False:
            guard.on_unauthorized()
        raise PermissionReturnedNonBooleanError(guard, allowed)

    def require_once(self, guard: Guard, about: Any, source: Any, info: LightInfo, kwargs: Mapping[str, Any]) -> None:
        """The same, kept for the next object that is decided `about`: the same `Access` answers the same.

        INVARIANT: only a yes is kept. A no is asked for again, so that each has its own error; `Access` logs it once.
        """
        self.require(guard, source, info, kwargs)
        if about is not None:
            access = self.context.access
            if access is not self.access:
                self.access, self.allowed = access, {}
            self.allowed[guard] = about

    def allows(self, guard: Guard, steady: Steady, field: Field, place: Place) -> bool:
        """Whether it does for all that is decided together with `steady`; asked once, as `require_once` has it."""
        if self.allowed.get(guard) is steady.about and self.access is self.context.access:
            return True
        try:
            self.require_once(guard, steady.about, steady, LightInfo(self, field, place), {})
        except Exception:
            return False
        return True
