"""What changes of permissions are asked with, and the documents that they mean."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON

from models import policy as stored_policies
from models import resource_type as stored_types
from models import role as stored_roles
from models.role import GrantEffect
from resolvers.admin.enums import ConflictStrategy, PolicyMode
from resolvers.admin.policy_tests import PolicyTestInput
from resolvers.errors import BadInputError


@strawberry.input
class GrantInput:
    """A rule of a role."""

    effect: GrantEffect | None = GrantEffect.ALLOW
    action: str = strawberry.field(description="`resource:verb`, `resource:*` or `*`.")
    condition: str | None = strawberry.field(default=None, description="Where it applies; everywhere if null. CEL.")


@strawberry.input
class RoleInput:
    """A role. What is left out stays as it is, or is empty where the role is new."""

    name: str
    inherits: list[str] | None = strawberry.UNSET
    grants: list[GrantInput] | None = strawberry.UNSET
    priority: int | None = strawberry.UNSET
    description: str | None = strawberry.UNSET


@strawberry.input
class AssignRoleInput:
    """Who gets which role, from when until when, and in which weekly hours."""

    user_id: strawberry.ID
    role: str
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    window: str | None = strawberry.field(default=None, description="As `MO-FR 09:00-17:00 Europe/Berlin`.")
    reason: str | None = None


@strawberry.input
class EndRoleAssignmentInput:
    """Which assignment is over."""

    assignment_id: strawberry.ID
    reason: str | None = None


@strawberry.input
class PolicyInput:
    """A policy, as it shall be from now on."""

    name: str
    effect: GrantEffect
    actions: list[str]
    when: str | None = None
    unless: str | None = None
    mode: PolicyMode | None = PolicyMode.ENFORCE
    description: str | None = None
    tests: list[PolicyTestInput] | None = strawberry.field(
        default=None, description="Run now, and at every later change; null leaves those that are there."
    )


@strawberry.input
class ActionLevelInput:
    """Several actions under one name."""

    name: str
    actions: list[str]


@strawberry.input
class AttributeDeclarationInput:
    """`string`, `number`, `bool`, `timestamp`, `id`, `dyn`, or `list<…>` of one."""

    name: str
    type: str


@strawberry.input
class ResourceTypeInput:
    """A type of resource, as it shall be from now on; under the name `user`, further attributes of accounts."""

    name: str
    actions: list[str]
    levels: list[ActionLevelInput] | None = None
    attributes: list[AttributeDeclarationInput] | None = None
    context: list[AttributeDeclarationInput] | None = None
    strategy: ConflictStrategy | None = None
    description: str | None = None


@strawberry.input
class SetUserAttributesInput:
    """What conditions read of an account, in place of all that was there."""

    user_id: strawberry.ID
    attributes: JSON
    reason: str | None = None


def role_fields(input: RoleInput) -> dict[str, Any]:
    """The fields that are given, as the document has them. Null empties a field; of a list it says nothing."""
    given: dict[str, Any] = {"priority": input.priority, "description": input.description}
    fields = {name: value for name, value in given.items() if value is not strawberry.UNSET}
    if isinstance(input.inherits, list):
        fields["inherits"] = input.inherits
    if isinstance(input.grants, list):
        fields["grants"] = [_grant(each) for each in input.grants]
    return fields


def policy_of(input: PolicyInput) -> stored_policies.Policy:
    """The policy that is meant. Raises `BadInputError`."""
    tests = input.tests
    return stored_policies.Policy(
        id=input.name,
        effect=input.effect,
        actions=input.actions,
        when=input.when,
        unless=input.unless,
        mode=input.mode or PolicyMode.ENFORCE,
        description=input.description,
        tests=None if tests is None else [each.stored(f"tests.{n}") for n, each in enumerate(tests)],
    )


def resource_type_of(input: ResourceTypeInput) -> stored_types.ResourceType:
    """The type of resource that is meant. Raises `BadInputError` where a name is there twice."""
    levels = _unique("levels", ((each.name, each.actions) for each in input.levels or []))
    return stored_types.ResourceType(
        id=input.name,
        actions=input.actions,
        levels=levels,
        attributes=_unique("attributes", ((each.name, each.type) for each in input.attributes or [])),
        context=_unique("context", ((each.name, each.type) for each in input.context or [])),
        strategy=input.strategy.value if input.strategy else None,
        description=input.description,
    )


def _grant(input: GrantInput) -> stored_roles.Grant:
    return stored_roles.Grant(effect=input.effect or GrantEffect.ALLOW, action=input.action, condition=input.condition)


def _unique(field: str, pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise BadInputError(field, f"names `{name[:40]}` twice")
        found[name] = value
    return found
