"""What a change touches: the rules that it adds for somebody, or takes away from him."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from beanie import PydanticObjectId

from models.permission_change import ChangeKind
from models.policy import Policy
from models.role import Role, RoleAssignment
from models.user import User
from permissions.actions import Action
from permissions.drafts import Draft
from permissions.escalation import Clause, clauses_of_everybody, clauses_of_policy, clauses_of_role, reads
from permissions.resources import USER
from permissions.state import State

ACTION: Final[Mapping[ChangeKind, Action]] = {
    ChangeKind.ROLE: Action.ROLE_WRITE,
    ChangeKind.POLICY: Action.POLICY_WRITE,
    ChangeKind.RESOURCE_TYPE: Action.POLICY_WRITE,
    ChangeKind.ASSIGNMENT: Action.ROLE_ASSIGN,
    ChangeKind.USER: Action.USER_UPDATE,
}
"""What one has to be allowed for each kind of change, besides covering what it touches."""
UNLIKE_ANY: Final = ""
"""A condition that no rule has: only an allow without any covers it."""


async def touched(before: State, after: State, draft: Draft) -> set[Clause]:
    """The clauses by which the two states differ for those whom `draft` concerns."""
    if draft.kind is ChangeKind.USER:
        return await _of_user(after, draft)
    return _TOUCHED[draft.kind](before, after, draft)


def _of_role(before: State, after: State, draft: Draft) -> set[Clause]:
    """A number moves all that the role says, where priorities decide."""
    was, is_ = clauses_of_role(before, draft.key), clauses_of_role(after, draft.key)
    renumbered = _priority(before.roles.get(draft.key)) != _priority(after.roles.get(draft.key))
    return was | is_ if renumbered else was ^ is_


def _of_policy(before: State, after: State, draft: Draft) -> set[Clause]:
    return _policy(before, draft.key) ^ _policy(after, draft.key)


def _of_type(before: State, after: State, draft: Draft) -> set[Clause]:
    """A new type gives nobody anything; a changed one moves levels, and how conflicts end."""
    return set() if draft.before is None or draft.key == USER else {Clause(False, f"{draft.key}:*")}


def _of_assignment(before: State, after: State, draft: Draft) -> set[Clause]:
    """Who may not give a role may not take it away either."""
    record = draft.after or draft.before or {}
    return clauses_of_role(before, record["role"])


async def _of_user(after: State, draft: Draft) -> set[Clause]:
    """Switched off or on: all that his roles say. Attributes: whatever looks at those that differ."""
    was, is_ = draft.before or {}, draft.after or {}
    held = await RoleAssignment.find({"user_id": PydanticObjectId(draft.key), "ended_at": None}).to_list()
    said = {clause for each in held for clause in clauses_of_role(after, each.role)}
    if was["disabled"] != is_["disabled"]:
        return said
    old, new = was["attributes"], is_["attributes"]
    differing = [name for name in {*old, *new} if name not in old or name not in new or old[name] != new[name]]
    looking = {clause for clause in said | clauses_of_everybody(after) if reads(clause, differing)}
    return {replace(clause, condition=UNLIKE_ANY) for clause in looking}


def taken_over(state: State, user: User, held: Iterable[RoleAssignment]) -> set[Clause]:
    """By what somebody may do things who gets into an account of these roles, besides what all may with their own.

    What looks at the account's attributes is only covered by an allow without any condition.
    """
    roles = {clause for each in held for clause in clauses_of_role(state, each.role)}
    looking = {each for each in roles | clauses_of_everybody(state) if reads(each, user.attributes)}
    clauses = (roles - looking) | {replace(clause, condition=UNLIKE_ANY) for clause in looking}
    return {clause for clause in clauses if not clause.denies}


def _policy(state: State, name: str) -> set[Clause]:
    policy: Policy | None = state.policies.get(name)
    return clauses_of_policy(policy, state.known_types)


def _priority(role: Role | None) -> int | None:
    return role.priority if role else None


_TOUCHED: Final[Mapping[ChangeKind, Callable[[State, State, Draft], set[Clause]]]] = {
    ChangeKind.ROLE: _of_role,
    ChangeKind.POLICY: _of_policy,
    ChangeKind.RESOURCE_TYPE: _of_type,
    ChangeKind.ASSIGNMENT: _of_assignment,
}
