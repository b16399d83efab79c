"""Changes to try: what would be done to the rules, or to who holds what."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import strawberry

from models.policy import Policy
from models.role import Grant, GrantEffect, Role
from permissions.checks import Types, check_policy, check_role
from permissions.engine import rulebook
from permissions.engine.errors import WindowError
from permissions.engine.facts import Assignment
from permissions.engine.snapshot import Snapshot
from permissions.engine.windows import Window
from permissions.questions.steps import (
    AddGrant,
    Assign,
    DeleteRole,
    PutPolicy,
    PutRole,
    RemoveGrants,
    Step,
    SwitchOff,
    Unassign,
)
from permissions.state import engine_policy, engine_role
from resolvers.errors import BadInputError
from resolvers.ids import object_id
from resolvers.moments import moment


@strawberry.input
class ProposedGrant:
    """What a role would say."""

    action: str
    effect: GrantEffect = GrantEffect.ALLOW
    condition: str | None = None


@strawberry.input
class ProposedRole:
    """A role that would be new, or stand in place of the one of that name."""

    name: str
    inherits: list[str] | None = None
    grants: list[ProposedGrant] | None = None
    priority: int | None = None


@strawberry.input
class ProposedRoleGrant:
    """A grant more, or less, for a role that is there. Less: all of that effect and action."""

    role: str
    grant: ProposedGrant


@strawberry.input
class ProposedPolicy:
    """A policy that would be new, or stand in place of the one of that name."""

    name: str
    effect: GrantEffect
    actions: list[str]
    when: str | None = None
    unless: str | None = None


@strawberry.input
class ProposedAssignment:
    """A role that somebody would hold."""

    user_id: strawberry.ID
    role: str
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    window: str | None = None


@strawberry.input
class ProposedEnd:
    """A role that somebody would hold no more."""

    user_id: strawberry.ID
    role: str


@strawberry.input
class ChangeInput:
    """A change to try: any of these, together."""

    put_role: ProposedRole | None = None
    delete_role: str | None = None
    add_grant: ProposedRoleGrant | None = None
    remove_grant: ProposedRoleGrant | None = None
    put_policy: ProposedPolicy | None = None
    switch_off_policy: str | None = None
    assign_role: ProposedAssignment | None = None
    end_role: ProposedEnd | None = None


def steps_of(change: ChangeInput, snapshot: Snapshot, types: Types) -> list[Step]:
    """The steps of `change`. Raises `BadInputError` and `InvalidChangeError`."""
    given = {name: getattr(change, name) for name in _READERS}
    steps = [_READERS[name](value, snapshot, types) for name, value in given.items() if value is not None]
    if not steps:
        raise BadInputError("change", "changes nothing")
    return steps


def _put_role(input: ProposedRole, snapshot: Snapshot, types: Types) -> Step:
    grants = [_grant(each) for each in input.grants or []]
    role = Role(id=input.name, inherits=input.inherits or [], grants=grants, priority=input.priority)
    check_role(role, types)
    return PutRole(engine_role(role))


def _delete_role(name: str, snapshot: Snapshot, types: Types) -> Step:
    return DeleteRole(_known_role(name, snapshot, "change.deleteRole"))


def _add_grant(input: ProposedRoleGrant, snapshot: Snapshot, types: Types) -> Step:
    return AddGrant(*_role_and_grant(input, snapshot, types, "change.addGrant.role"))


def _remove_grant(input: ProposedRoleGrant, snapshot: Snapshot, types: Types) -> Step:
    return RemoveGrants(*_role_and_grant(input, snapshot, types, "change.removeGrant.role"))


def _role_and_grant(
    input: ProposedRoleGrant, snapshot: Snapshot, types: Types, field: str
) -> tuple[str, rulebook.Grant]:
    role = Role(id=_known_role(input.role, snapshot, field), grants=[_grant(input.grant)])
    check_role(role, types)
    return role.id, engine_role(role).grants[0]


def _put_policy(input: ProposedPolicy, snapshot: Snapshot, types: Types) -> Step:
    policy = Policy(
        id=input.name,
        effect=input.effect,
        actions=input.actions,
        when=input.when,
        unless=input.unless,
    )
    check_policy(policy, types)
    return PutPolicy(engine_policy(policy))


def _switch_off(name: str, snapshot: Snapshot, types: Types) -> Step:
    if name not in {policy.name for policy in snapshot.policies}:
        raise BadInputError("change.switchOffPolicy", "is not a policy that counts")
    return SwitchOff(name)


def _assign(input: ProposedAssignment, snapshot: Snapshot, types: Types) -> Step:
    user = object_id(input.user_id, "User", "change.assignRole.userId")
    role = _known_role(input.role, snapshot, "change.assignRole.role")
    begin = moment(input.valid_from, "change.assignRole.validFrom")
    end = moment(input.valid_until, "change.assignRole.validUntil")
    return Assign(user, Assignment(role, begin, end, window=_window(input.window)))


def _end(input: ProposedEnd, snapshot: Snapshot, types: Types) -> Step:
    return Unassign(object_id(input.user_id, "User", "change.endRole.userId"), input.role)


_READERS: Final[Mapping[str, Callable[[Any, Snapshot, Types], Step]]] = {
    "put_role": _put_role,
    "delete_role": _delete_role,
    "add_grant": _add_grant,
    "remove_grant": _remove_grant,
    "put_policy": _put_policy,
    "switch_off_policy": _switch_off,
    "assign_role": _assign,
    "end_role": _end,
}


def _grant(input: ProposedGrant) -> Grant:
    return Grant(effect=input.effect, action=input.action, condition=input.condition)


def _window(text: str | None) -> Window | None:
    try:
        return None if text is None else Window.parse(text)
    except WindowError as error:
        raise BadInputError("change.assignRole.window", str(error)) from None


def _known_role(name: str, snapshot: Snapshot, field: str) -> str:
    if name not in snapshot.roles:
        raise BadInputError(field, "is not a known role")
    return name
