"""One field of an answer: what is known of it before it is executed."""

import inspect
import keyword
from collections.abc import Callable
from typing import Any, Final

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

from api.compiler.arguments import Plan
from api.compiler.seams import FieldDetailsList, PermissionExtension, StrawberryField, field_of
from permissions.guards import Guard
from resolvers.steady import STEADY

Guards = tuple[Guard, ...]


class Field:
    """As it is selected on one object type, under one name of the answer."""

    __slots__ = (
        "arguments",
        "definition",
        "details",
        "guards",
        "item_type",
        "key",
        "made",
        "named",
        "nodes",
        "parent",
        "plan",
        "type",
    )

    def __init__(
        self, key: str, parent: GraphQLObjectType, definition: GraphQLField, details: FieldDetailsList
    ) -> None:
        self.key: Final = key
        self.parent: Final = parent
        self.definition: Final = definition
        self.details: Final = details
        self.nodes: Final[list[FieldNode]] = [each.node for each in details]
        self.type: Final[GraphQLOutputType] = definition.type
        self.named: Final = get_named_type(definition.type)
        self.made: Final = field_of(definition)
        inner = self.nullable_type
        self.item_type: Final[Any] = inner.of_type if is_list_type(inner) else None
        self.arguments: Final = bool(definition.args or self.nodes[0].arguments)
        self.guards: Final[Guards | None] = _guards(self.made) if self.made else None
        self.plan: Plan | None = None
        """How its arguments are put together, where that is simple."""

    @property
    def nullable_type(self) -> Any:
        """Its type, without the outermost `!`."""
        return self.type.of_type if is_non_null_type(self.type) else self.type

    @property
    def nullable(self) -> bool:
        """Whether null is a value of it."""
        return not is_non_null_type(self.type)

    @property
    def leaf(self) -> bool:
        """Whether nothing can be selected of it."""
        return is_leaf_type(self.named)

    @property
    def resolver(self) -> Callable[..., Any] | None:
        """The function of its own that finds it out; None: it is read off the object."""
        resolver = self.made.base_resolver if self.made else None
        found = resolver.wrapped_func if resolver else None
        return found if callable(found) else None

    @property
    def asynchronous(self) -> bool:
        """Whether its resolver is to be awaited."""
        return self.made is not None and self.made.is_async

    @property
    def plain(self) -> bool:
        """Whether it is only read off the object.

        INVARIANT: a field with guards is not: `is_basic_field` says so, and graphql-core's own test does not.
        """
        return self.made is not None and self.made.is_basic_field

    @property
    def steady(self) -> bool:
        """Whether it is the same for the same object, to all who get past its guards, which decide on that alone."""
        if self.made is None:  # __typename
            return self.leaf
        if self.arguments or self.asynchronous or self.subscribed or not self.understood:
            return False
        if any(type(guard).about is Guard.about for guard in self.guards or ()):
            return False
        return self.made.base_resolver is None or STEADY.items() <= self.made.metadata.items()

    @property
    def subscribed(self) -> bool:
        """Whether it is an event, whose guards were asked when the stream began."""
        return self.made is not None and self.made.is_subscription

    @property
    def understood(self) -> bool:
        """Whether it can be compiled; else graphql-core executes it."""
        field = self.made
        if field is None or (self.guards is None and not self.subscribed):
            return False
        if not field.python_name.isidentifier() or keyword.iskeyword(field.python_name):
            return False
        return self.plain or self.subscribed or _callable(field, self.resolver)


def _callable(field: StrawberryField, resolver: Callable[..., Any] | None) -> bool:
    base = field.base_resolver
    if base is None:
        return not field.is_async
    if resolver is None or base.parent_parameter is not None or base.root_parameter is not None:
        return False
    if base.info_parameter is not None and base.info_parameter.name != "info":
        return False
    return field.is_async == inspect.iscoroutinefunction(resolver) and not inspect.isasyncgenfunction(resolver)


def _guards(field: StrawberryField) -> Guards | None:
    """Those that are asked first, in their order; None where something else stands before the resolver."""
    found: list[Guard] = []
    if len(field.extensions) > 1:
        return None
    for extension in field.extensions:
        if type(extension) is not PermissionExtension or extension.fail_silently:
            return None
        for permission in extension.permissions:
            if not isinstance(permission, Guard) or inspect.iscoroutinefunction(permission.has_permission):
                return None
            if type(permission).on_unauthorized is not Guard.on_unauthorized:
                return None
            found.append(permission)
    return tuple(found)
