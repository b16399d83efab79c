"""Strawberry permission classes: `may(Action.…)` and `SignedIn`. Thin: they ask `Access`, and it decides."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, ClassVar, Final, Protocol

import strawberry
from graphql import GraphQLField, GraphQLInterfaceType, GraphQLObjectType
from strawberry.permission import BasePermission
from strawberry.types.base import StrawberryObjectDefinition, get_object_definition
from strawberry.types.field import StrawberryField

from permissions.access import Access
from permissions.actions import Action
from permissions.engine.facts import Resource

PUBLIC: Final = frozenset({"changePassword", "login", "logout", "me", "refreshSession"})
"""Root fields that anybody may ask for."""


class Asker(Protocol):
    """What guards need of a context."""

    @property
    def access(self) -> Access:
        """The caller's."""


class Guarded(Protocol):
    """An object with guarded fields tells what they are decided on."""

    def permission_resource(self) -> Resource:
        """The resource; the same for objects that are decided together."""


class Guard(BasePermission):
    """Denies by raising, so that the decision travels with the error. `needs` is shown in the schema.

    INVARIANT: stateless. Strawberry keeps one instance a field for all requests, wants a real bool, and asks a
    subscription once only, when it starts.
    """

    needs: ClassVar[str]

    def about(self, source: Any) -> Resource | None:
        """The resource that alone it decides on, as often as it is asked, so that once is enough; None: ask it."""
        return None


class SignedIn(Guard):
    """Anybody but nobody: for fields that decide on each thing they find."""

    needs = "a signed-in caller"

    def has_permission(self, source: Any, info: strawberry.Info[Asker, None], **kwargs: Any) -> bool:
        info.context.access.require_signed_in()
        return True


@cache
def may(action: Action) -> type[Guard]:
    """The guard for `action`.

    On an object's field it decides on the object's `permission_resource()`. On a root field, where nothing is loaded
    yet, it refuses who may do `action` to nothing at all; the resolver decides on what it loads.
    """

    class May(Guard):
        needs = f"`{action}`"

        def about(self, source: Guarded | None) -> Resource | None:
            resource = None if source is None else source.permission_resource()
            return None if resource is None or resource.id is None else resource  # without an id, each is logged

        def has_permission(self, source: Guarded | None, info: strawberry.Info[Asker, None], **kwargs: Any) -> bool:
            access = info.context.access
            if source is None:
                access.require_foreseen(action)
            else:
                access.require(action, source.permission_resource())
            return True

    May.__name__ = May.__qualname__ = "May" + "".join(word.capitalize() for word in action.name.split("_"))
    return May


def unguarded(schema: strawberry.Schema) -> set[str]:
    """Root fields that neither have a guard nor stand in `PUBLIC`: a test wants none."""
    roots = (schema.query, schema.mutation, schema.subscription)
    name_of = schema.config.name_converter.get_graphql_name
    fields = (field for root in roots if root for field in _fields(get_object_definition(root, strict=True)))
    return {name_of(field) for field in fields if not _guards(field)} - PUBLIC


def describe(schema: strawberry.Schema) -> None:
    """Say in the description of each guarded field what it needs, where GraphiQL and the printed schema show it."""
    name_of = schema.config.name_converter.get_graphql_name
    for each in schema.schema_converter.type_map.values():
        definition, made = each.definition, each.implementation
        if isinstance(definition, StrawberryObjectDefinition) and isinstance(
            made, GraphQLObjectType | GraphQLInterfaceType
        ):
            for field in _fields(definition):
                _describe(made.fields[name_of(field)], _guards(field))


def _describe(field: GraphQLField, guards: Iterable[type[Guard]]) -> None:
    needs = " and ".join(guard.needs for guard in guards)
    if needs:
        field.description = " ".join(filter(None, [field.description, f"Needs {needs}."]))


def _fields(definition: StrawberryObjectDefinition) -> Iterator[StrawberryField]:
    return iter(definition.fields)


def _guards(field: StrawberryField) -> list[type[Guard]]:
    return [each for each in field.permission_classes if issubclass(each, Guard)]
