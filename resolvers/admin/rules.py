"""Policies, types of resources and what changes of permissions answer; roles: `resolvers.account.types`."""

from typing import Self

import strawberry

from models import policy as stored_policies
from models.role import GrantEffect
from permissions.engine import resource_type as engine
from permissions.engine.schema import Types
from resolvers.account.types import Role, RoleAssignment, User
from resolvers.admin.enums import ConflictStrategy, PolicyMode
from resolvers.admin.policy_tests import PolicyTest

AFTERWARDS = "Sent back as `X-Permissions-At-Least`, it has requests decided with this change, on any worker."


@strawberry.type(description="A rule that holds whoever asks.")
class Policy:
    """A policy, by its name."""

    name: str
    effect: GrantEffect
    actions: list[str] = strawberry.field(description="`resource:verb`, `resource:*` or `*`.")
    when: str | None = strawberry.field(description="Where it speaks; everywhere if null. CEL.")
    unless: str | None = strawberry.field(description="Where it does not. CEL.")
    mode: PolicyMode
    description: str | None
    tests: list[PolicyTest] = strawberry.field(description="Run whenever the policy changes.")

    @classmethod
    def of(cls, stored: stored_policies.Policy) -> Self:
        """A stored policy, as the schema shows it."""
        return cls(
            name=stored.id,
            effect=stored.effect,
            actions=stored.actions,
            when=stored.when,
            unless=stored.unless,
            mode=stored.mode,
            description=stored.description,
            tests=[PolicyTest.of(each) for each in stored.tests or []],
        )


@strawberry.type(description="Several actions under one name.")
class ActionLevel:
    """`read_write` is `read` and `write`."""

    name: str
    actions: list[str]


@strawberry.type(description="What a condition may read, and of what type it is.")
class AttributeDeclaration:
    """`region` is a `string`."""

    name: str
    type: str


@strawberry.type(description="A type of resource that can be asked about.")
class ResourceType:
    """Built in, or declared for other services."""

    name: str
    actions: list[str]
    levels: list[ActionLevel]
    attributes: list[AttributeDeclaration] = strawberry.field(description="Read as `resource.…`.")
    context: list[AttributeDeclaration] = strawberry.field(description="Read as `env.…`, besides what always is there.")
    strategy: ConflictStrategy | None = strawberry.field(description="The platform's default if null.")

    @classmethod
    def of(cls, known: engine.ResourceType) -> Self:
        """A type as the engine has it."""
        return cls(
            name=known.name,
            actions=list(known.actions),
            levels=[ActionLevel(name=name, actions=list(verbs)) for name, verbs in known.levels.items()],
            attributes=_declarations(known.attributes),
            context=_declarations(known.context),
            strategy=known.strategy,
        )


def _declarations(types: Types) -> list[AttributeDeclaration]:
    return [AttributeDeclaration(name=name, type=str(type_)) for name, type_ in types.items()]


@strawberry.type
class RolePayload:
    """A role after its change."""

    role: Role
    permissions_token: str = strawberry.field(description=AFTERWARDS)


@strawberry.type
class DeleteRolePayload:
    """The name of a role that is no more."""

    name: str
    permissions_token: str = strawberry.field(description=AFTERWARDS)


@strawberry.type
class RoleAssignmentPayload:
    """An assignment after its change."""

    assignment: RoleAssignment
    permissions_token: str = strawberry.field(description=AFTERWARDS)


@strawberry.type
class PolicyPayload:
    """A policy after its change."""

    policy: Policy
    permissions_token: str = strawberry.field(description=AFTERWARDS)


@strawberry.type
class ResourceTypePayload:
    """A type of resource after its change."""

    resource_type: ResourceType
    permissions_token: str = strawberry.field(description=AFTERWARDS)


@strawberry.type
class UserAttributesPayload:
    """An account after its change."""

    user: User
    permissions_token: str = strawberry.field(description=AFTERWARDS)
