"""Roles, policies and types of resources, as they are in force."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import strawberry

from permissions.actions import Action
from permissions.engine.facts import Resource
from permissions.guards import may
from permissions.resources import policy_resource, role_resource
from resolvers.account.types import Role
from resolvers.admin.rules import Policy, ResourceType
from resolvers.context import Info
from resolvers.errors import BadInputError
from resolvers.ids import GlobalId, encode
from resolvers.pagination import Connection, Edge, connection, page_arguments

Stored = TypeVar("Stored")
Shown = TypeVar("Shown")


@strawberry.type
class Query:
    """Rules."""

    @strawberry.field(description="A role by its name.", permission_classes=[may(Action.ROLE_READ)])
    async def role(self, info: Info, name: str) -> Role | None:
        stored = (await info.context.permissions.ground()).state.roles.get(name)
        seen = stored and info.context.access.consider(Action.ROLE_READ, role_resource(name))
        return Role.of(stored) if stored and seen else None

    @strawberry.field(description="All roles, by name.", permission_classes=[may(Action.ROLE_READ)])
    async def roles(self, info: Info, first: int | None = None, after: str | None = None) -> Connection[Role]:
        state = (await info.context.permissions.ground()).state
        return _page(info, "Role", state.roles, Role.of, role_resource, first, after)

    @strawberry.field(description="All policies, by name.", permission_classes=[may(Action.POLICY_READ)])
    async def policies(self, info: Info, first: int | None = None, after: str | None = None) -> Connection[Policy]:
        state = (await info.context.permissions.ground()).state
        return _page(info, "Policy", state.policies, Policy.of, policy_resource, first, after)

    @strawberry.field(
        description="What can be asked about, built in or declared, by name.",
        permission_classes=[may(Action.POLICY_READ)],
    )
    async def resource_types(self, info: Info) -> list[ResourceType]:
        state, access = (await info.context.permissions.ground()).state, info.context.access
        return [
            ResourceType.of(known)
            for name, known in sorted(state.known_types.items())
            if access.consider(Action.POLICY_READ, policy_resource(name))
        ]


def _page(
    info: Info,
    kind: str,
    stored: Mapping[str, Stored],
    show: Callable[[Stored], Shown],
    resource: Callable[[str], Resource],
    first: int | None,
    after: str | None,
) -> Connection[Shown]:
    """What the caller may read, in the order of the names."""
    arguments = page_arguments(first, after)
    start = _name(kind, after) if after is not None else ""
    found: list[str] = []
    for name in sorted(stored):
        if name > start and info.context.access.consider(f"{kind.lower()}:read", resource(name)):
            found.append(name)
        if len(found) > arguments.size:
            break
    edges = [Edge(cursor=encode(kind, name), node=show(stored[name])) for name in found[: arguments.size]]
    return connection(edges, has_next=len(found) > arguments.size, has_previous=after is not None)


def _name(kind: str, cursor: str) -> str:
    try:
        return GlobalId.parse(cursor, "after").require(kind, 1, "after")[0]
    except BadInputError:
        raise BadInputError("after", "is not a cursor of this list") from None
