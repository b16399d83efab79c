"""The last super admin: somebody must be left who may do everything, for good, and so can undo anything."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from beanie import PydanticObjectId

from models.permission_change import ChangeKind
from models.role import Grant, GrantEffect, RoleAssignment
from models.user import User
from permissions.drafts import Draft
from permissions.escalation import (
    EVERYTHING,
    Clause,
    clauses_of_everybody,
    clauses_of_role,
    constant,
    overlap,
)
from permissions.state import State

KEYS: Final = ("role:assign", "role:write", "policy:write")
"""Without one of these even `*` gets nobody back in."""


async def anybody_left(state: State, drafts: Iterable[Draft], at: datetime) -> bool:
    """Whether anybody will be a super admin once `drafts` are written, which lead to `state`."""
    drafts = list(drafts)
    if any(map(_locks, clauses_of_everybody(state))):
        return False
    for role in _sovereign_roles(state):
        holders = [
            each.user_id for each in await _overlaid({"role": role, "ended_at": None}, drafts) if each.role == role
        ]
        for user_id in dict.fromkeys(holders):
            if await _is_super_admin(user_id, state, drafts, at):
                return True
    return False


def _sovereign_roles(state: State) -> list[str]:
    """The roles that allow everything, by themselves or through another; found from the few such roles down."""
    heirs: dict[str, list[str]] = defaultdict(list)
    for name, role in state.roles.items():
        for parent in role.inherits:
            heirs[parent].append(name)
    found = dict.fromkeys(name for name, role in state.roles.items() if any(map(_allows_everything, role.grants)))
    queue = list(found)
    for name in queue:
        fresh = [heir for heir in heirs[name] if heir not in found]
        found.update(dict.fromkeys(fresh))
        queue += fresh
    return queue


def _allows_everything(grant: Grant) -> bool:
    return grant.action == EVERYTHING and grant.condition is None and grant.effect is GrantEffect.ALLOW


async def _is_super_admin(user_id: PydanticObjectId, state: State, drafts: Iterable[Draft], at: datetime) -> bool:
    if not await _is_enabled(user_id, drafts):
        return False
    held = [
        each
        for each in await _overlaid({"user_id": user_id, "ended_at": None}, drafts)
        if each.user_id == user_id and (each.valid_until is None or at < each.valid_until)
    ]
    said = {clause for each in held for clause in clauses_of_role(state, each.role)}
    for_good = {clause for each in held if _for_good(each, at) for clause in clauses_of_role(state, each.role)}
    return Clause(False, EVERYTHING) in for_good and not any(map(_locks, said))


async def _is_enabled(user_id: PydanticObjectId, drafts: Iterable[Draft]) -> bool:
    for draft in drafts:
        if draft.kind is ChangeKind.USER and draft.key == str(user_id) and draft.after:
            return not draft.after["disabled"]
    user = await User.find_one({"_id": user_id})
    return user is not None and not user.disabled


async def _overlaid(query: Mapping[str, Any], drafts: Iterable[Draft]) -> list[RoleAssignment]:
    """The assignments in force that match, as `drafts` leave them; further ones that `drafts` make."""
    found = {str(each.id): each for each in await RoleAssignment.find(query).to_list()}
    for draft in drafts:
        if draft.kind is ChangeKind.ASSIGNMENT and draft.after is not None:
            found[draft.key] = RoleAssignment.model_validate(draft.after)
    return [each for each in found.values() if each.ended_at is None]


def _for_good(assignment: RoleAssignment, at: datetime) -> bool:
    """Whether it holds from now on, without an end."""
    started = assignment.valid_from is None or assignment.valid_from <= at
    return started and assignment.valid_until is None and assignment.window is None


def _locks(clause: Clause) -> bool:
    """Whether it denies, to everybody and always, what one needs to undo things."""
    return clause.denies and constant(clause) and any(overlap(clause.pattern, key) for key in KEYS)
