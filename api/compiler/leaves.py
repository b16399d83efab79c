"""Leaves as Python expressions: a quick test that a value is what it mostly is, and then what it becomes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
    Undefined,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from orjson import dumps
from strawberry.schema.types.base_scalars import DateTimeDefinition

from api.compiler.seams import optimized_is_awaitable
from api.documents.answering import LEAF_BYTES, size_of

Name = Callable[[str, Any], str]
"""Gives something a name that generated source may call it by."""

INT: Final = 2**31
DIGIT: Final = 2**30 - 1
"""Up to it Python compares ints in one step: they have one digit of its own."""


class SurpriseError(Exception):
    """A value is not what it mostly is: graphql-core knows what to do."""


@dataclass(frozen=True)
class Leaf:
    """Of a value called `{v}`."""

    test: str
    """Whether it is what was foreseen."""
    become: str | None = None
    """What it becomes, if not itself; `{r}` is the name for that. May raise."""
    size: str | None = None
    """How many bytes that says, besides `base`."""
    base: int = LEAF_BYTES


def leaf(type_: Any, name: Name) -> Leaf:
    """How a value is completed whose type, without `!`, is a leaf or a list."""
    if is_list_type(type_) or not is_leaf_type(type_):
        return Leaf("type({v}) is list", name("L", Items(type_.of_type)) + "({v})", "items_size({r})", 0)
    if type_ is GraphQLString or type_ is GraphQLID:
        return Leaf("type({v}) is str", size="len({r})")
    if type_ is GraphQLInt:
        return Leaf(f"type({{v}}) is int and (0 <= {{v}} < {DIGIT} or -{INT} <= {{v}} < {INT})")
    if type_ is GraphQLBoolean:
        return Leaf("type({v}) is bool")
    if type_ is GraphQLFloat:
        return Leaf("type({v}) is float and {v} - {v} == 0.0")
    if type_.name == DateTimeDefinition.name and type_.coerce_output_value is DateTimeDefinition.serialize:
        quick = f"{name('D', dumps)}({{v}})[1:-1].decode()"  # `moment`, without a call for each
        become = f"({quick} if {{v}}.tzinfo is {name('U', UTC)} else {name('M', moment)}({{v}}))"
        return Leaf(f"type({{v}}) is {name('C', datetime)}", become, "len({r})")
    if isinstance(type_, GraphQLEnumType) and (members := _members(type_)):
        kind = name("C", type(next(iter(members))))
        return Leaf(f"type({{v}}) is {kind}", f"{name('E', members)}[{{v}}]", "len({r})")
    return Leaf("{v} is not None", f"{name('S', Scalar(type_))}({{v}})", "size_of({r})")


def _members(type_: GraphQLEnumType) -> dict[Any, str] | None:
    kind = getattr(type_, "wrapped_cls", None)
    return {each: type_.coerce_output_value(each) for each in kind} if kind is not None else None


class Scalar:
    """A leaf of any type."""

    def __init__(self, type_: GraphQLLeafType) -> None:
        self._coerce: Final = type_.coerce_output_value

    def __call__(self, value: Any) -> Any:
        if isinstance(value, Exception) or optimized_is_awaitable(value):
            raise SurpriseError
        coerced = self._coerce(value)
        if coerced is None or coerced is Undefined:
            raise SurpriseError
        return coerced


class Items:
    """A list of leaves that are what they mostly are."""

    def __init__(self, type_: Any) -> None:
        self._nullable: Final = not is_non_null_type(type_)
        inner = type_ if self._nullable else type_.of_type
        self._kind: Final = str if inner is GraphQLString or inner is GraphQLID else None
        self._one: Final[Callable[[Any], Any]] = Items(inner.of_type) if is_list_type(inner) else Scalar(inner)

    def __call__(self, values: Any) -> Any:
        if type(values) is not list:
            raise SurpriseError
        kind = self._kind
        return [value if type(value) is kind else self._other(value) for value in values]

    def _other(self, value: Any) -> Any:
        if value is None and self._nullable:
            return None
        if value is None:
            raise SurpriseError
        return self._one(value)


def moment(value: datetime) -> str:
    """As `isoformat` has it, which takes five times as long."""
    if value.tzinfo is None or value.tzinfo is UTC:
        return dumps(value)[1:-1].decode()
    return value.isoformat()


def items_size(values: Any) -> int:
    """The bytes that `CountingExecution` would count for the leaves of a list."""
    if type(values) is list:
        return sum(map(items_size, values))
    return 0 if values is None else LEAF_BYTES + size_of(values)
