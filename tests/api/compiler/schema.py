"""A small schema with each kind of field, and what its resolvers were given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import strawberry
from graphql import DocumentNode, ExecutionResult, OperationDefinitionNode, execute, parse
from strawberry.execution import optimized_is_awaitable
from strawberry.extensions import FieldExtension
from strawberry.types import Info

from api.compiler import Compiled, compile_operation
from api.documents.answering import CountingExecution
from models.tree.meter import Meter
from permissions.engine.facts import Resource
from permissions.guards import Guard

TOLD = ("field_name", "root_value", "variable_values", "python_name", "query", "input_extensions", "return_type")
"""What `Info` has besides."""


@dataclass
class Asking:
    """A context."""

    allowed: bool = True
    access: object = None
    begin_until: float = float("inf")
    answering: Meter = field(default_factory=Meter)
    noted: list[Any] = field(default_factory=list)


class Allowed(Guard):
    """Says what the context says."""

    needs = "luck"

    def has_permission(self, source: Any, info: Info[Any, Any], **kwargs: Any) -> bool:
        info.context.noted.append(("guard", sorted(kwargs)))
        if not info.context.allowed:
            raise PermissionError("no")
        return True


class Once(Guard):
    """Decides on what the object is about, and so once."""

    needs = "luck, once"

    def about(self, source: Any) -> Any:
        return source.token

    def has_permission(self, source: Any, info: Info[Any, Any], **kwargs: Any) -> bool:
        info.context.noted.append(("once", str(source.token)))
        if source.token.id == "forbidden":
            raise PermissionError("no")
        return True


class Loud(FieldExtension):
    """Nothing that the compiler knows."""

    def resolve(self, next_: Any, source: Any, info: Any, **kwargs: Any) -> Any:
        return str(next_(source, info, **kwargs)).upper()


@strawberry.enum
class Kind(StrEnum):
    """Of two."""

    ONE = "one"
    TWO = "two"


@strawberry.type
class Thing:
    """Many of which are decided together."""

    token: strawberry.Private[Resource]

    @strawberry.field(permission_classes=[Once])  # type: ignore[untyped-decorator]
    def seen(self) -> str | None:
        return str(self.token.id)


@strawberry.type
class Child:
    """A leaf."""

    name: str
    kind: Kind = Kind.TWO


@strawberry.type
class Parent:
    """With fields of all kinds."""

    name: str
    children: list[Child]
    number: int | None = None
    secret: str = strawberry.field(default="hidden", permission_classes=[Allowed])

    @strawberry.field
    def told(self, info: Info[Any, Any], first: int = 1) -> str:
        context = info.context
        context.noted.append(
            [getattr(info, each) for each in TOLD]
            + [info.path.as_list(), info.schema, info.operation, str(info.selected_fields), first]
            + [info.get_argument_definition("first"), isinstance(info, Info)]
        )
        return "told"

    @strawberry.field(extensions=[Loud()])  # type: ignore[untyped-decorator]
    def loud(self) -> str:
        return "loud"

    @strawberry.field(permission_classes=[Allowed])  # type: ignore[untyped-decorator]
    async def later(self, text: str) -> str | None:
        return text


@strawberry.type
class Query:
    """The root."""

    @strawberry.field
    def parent(self) -> Parent:
        return Parent(name="p", children=[Child(name="a"), Child(name="b", kind=Kind.ONE)])

    @strawberry.field
    def things(self) -> list[Thing]:
        tokens = [Resource("thing", name) for name in ("one", "two", "forbidden")]
        return [Thing(token=tokens[number]) for number in (0, 0, 1, 2, 2, 1, 1)]

    @strawberry.field
    def wrong(self) -> Child | None:
        return Child(name=5)  # type: ignore[arg-type]


@strawberry.type
class Mutation:
    """Whose fields come one after the other."""

    @strawberry.mutation
    async def write(self, info: Info[Any, Any], text: str) -> str:
        info.context.noted.append(text)
        return text


SCHEMA = strawberry.Schema(query=Query, mutation=Mutation, execution_context_class=CountingExecution)


def parsed(text: str) -> tuple[DocumentNode, OperationDefinitionNode]:
    """A document, and its first operation."""
    document = parse(text)
    return document, next(each for each in document.definitions if isinstance(each, OperationDefinitionNode))


def compiled(text: str) -> Compiled:
    """It is, when it is executed."""
    return compile_operation(SCHEMA, *parsed(text)).now()


async def asked(
    operation: Compiled, context: Any = None, variables: Mapping[str, Any] | None = None
) -> ExecutionResult:
    """Its answer."""
    result = operation.execute(context or Asking(), variables, extensions={"some": 1})
    return result if isinstance(result, ExecutionResult) else await result


async def by_core(text: str, context: Any, variables: Mapping[str, Any] | None = None) -> ExecutionResult:
    """graphql-core's."""
    result = execute(
        SCHEMA._schema,
        parse(text),
        context_value=context,
        variable_values=dict(variables or {}),
        executor_class=CountingExecution,
        is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
        operation_extensions={"some": 1},
    )
    return result if isinstance(result, ExecutionResult) else await result
