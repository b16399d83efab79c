"""Changes as they are meant, each made into drafts on the ground that is known: told anew if that has moved."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from beanie import PydanticObjectId

from models.clock import stored
from models.free_form import FreeFormError, check_free_form
from models.permission_change import ChangeKind
from models.policy import Policy, PolicyMode
from models.resource_type import ResourceType
from models.role import Role, RoleAssignment
from models.user import User
from permissions.checks import check_policy, check_role, check_times, check_type
from permissions.drafts import Draft, applied
from permissions.errors import AlreadyHeldError, ConflictingError, InvalidChangeError, RoleInUseError, UnknownError
from permissions.state import Record, State, Stored, record_of
from permissions.store import Ground
from permissions.trials import kept_tests

Proposal = Callable[[Ground, datetime], Awaitable[list[Draft]]]
"""Drafts for a change that is made at that moment."""

YEARS: Final = (1970, 9000)
CASCADE: Final = 1_000
"""Assignments that one deletion may end: more would be too much for one transaction."""


def put(documents: Iterable[Stored], *, only_missing: bool = False) -> Proposal:
    """Each as it is given, new or not; types of resources first, which the others may speak of."""
    ordered = sorted(documents, key=lambda each: not isinstance(each, ResourceType))

    async def propose(ground: Ground, at: datetime) -> list[Draft]:
        state, drafts = ground.state, list[Draft]()
        for document in ordered:
            if not (only_missing and _known(state, document) is not None):
                draft = _put(state, document)
                state = applied(state, [draft])
                drafts += [draft] if draft.before != draft.after else []
        return drafts

    return propose


def promote(seen: Policy) -> Proposal:
    """From shadow to force, if the policy is still what somebody looked at."""

    async def propose(ground: Ground, at: datetime) -> list[Draft]:
        known = ground.state.policies.get(seen.id)
        if known is None or record_of(known) != record_of(seen):
            raise ConflictingError(f"policy `{seen.id}` has changed since it was looked at")
        return [_put(ground.state, seen.model_copy(update={"mode": PolicyMode.ENFORCE}))]

    return propose


def create_role(role: Role) -> Proposal:
    """A role under a new name."""

    async def propose(ground: Ground, at: datetime) -> list[Draft]:
        if role.id in ground.state.roles:
            raise ConflictingError(f"there is a role `{role.id}` already")
        return [_put(ground.state, role)]

    return propose


def update_role(name: str, fields: Mapping[str, Any]) -> Proposal:
    """Some fields of a role; the others stay as they are at that moment."""

    async def propose(ground: Ground, at: datetime) -> list[Draft]:
        role = _role(ground.state, name)
        return [_put(ground.state, role.model_copy(update=dict(fields)))]

    return propose


def delete_role(name: str, *, cascade: bool) -> Proposal:
    """Taken away; with `cascade` also from whoever inherits or holds it."""

    async def propose(ground: Ground, at: datetime) -> list[Draft]:
        role = _role(ground.state, name)
        heirs = [each for each in ground.state.roles.values() if name in each.inherits]
        held = [
            each for each in await RoleAssignment.find({"role": name, "ended_at": None}).to_list() if _lasts(each, at)
        ]
        if (heirs or held) and not cascade:
            raise RoleInUseError(name, sorted(each.id for each in heirs), [str(each.id) for each in held])
        if len(held) > CASCADE:
            raise ConflictingError(f"role `{name}` is assigned more than {CASCADE} times: end some of that first")
        disinherited = (
            each.model_copy(update={"inherits": [parent for parent in each.inherits if parent != name]})
            for each in heirs
        )
        return [
            *(_ended(each, at) for each in held),
            *(_put(ground.state, each) for each in disinherited),
            Draft(ChangeKind.ROLE, name, record_of(role), None),
        ]

    return propose


def assign(assignment: RoleAssignment) -> Proposal:
    """A role for a user. Whether it was given, and by whom, is for the caller to fill in.

    Given a second time for the same time, which nobody means, ending one of the two would end nothing. For other times
    it may be held as often as one likes.
    """

    async def propose(ground: Ground, at: datetime) -> list[Draft]:
        _role(ground.state, assignment.role)
        if await User.find_one({"_id": assignment.user_id}) is None:
            raise UnknownError("user", str(assignment.user_id))
        given = assignment.model_copy(
            update={
                "granted_at": at,
                "valid_from": _moment(assignment.valid_from, "validFrom"),
                "valid_until": _moment(assignment.valid_until, "validUntil"),
            }
        )
        check_times(given, at)
        held = await RoleAssignment.find({"user_id": given.user_id, "ended_at": None}).to_list()
        for each in held:
            if _times(each, at) == _times(given, at) and _lasts(each, at):
                raise AlreadyHeldError(given.role, str(each.id))
        return [Draft(ChangeKind.ASSIGNMENT, str(given.id), None, record_of(given))]

    return propose


def end_assignment(assignment_id: PydanticObjectId) -> Proposal:
    """From now on not held; it stays in the records."""

    async def propose(ground: Ground, at: datetime) -> list[Draft]:
        assignment = await RoleAssignment.find_one({"_id": assignment_id})
        if assignment is None:
            raise UnknownError("assignment", str(assignment_id))
        if assignment.ended_at is not None:
            raise ConflictingError("the assignment has ended already")
        return [_ended(assignment, at)]

    return propose


def set_attributes(user_id: PydanticObjectId, attributes: Mapping[str, Any]) -> Proposal:
    """What conditions read of an account, in place of all that was there."""

    async def propose(ground: Ground, at: datetime) -> list[Draft]:
        try:
            check_free_form(attributes)
        except FreeFormError as error:
            raise InvalidChangeError("attributes", str(error)) from error
        return await _of_user(user_id, {"attributes": dict(attributes)})

    return propose


def set_disabled(user_id: PydanticObjectId, disabled: bool) -> Proposal:
    """Whether an account may be used."""

    async def propose(ground: Ground, at: datetime) -> list[Draft]:
        return await _of_user(user_id, {"disabled": disabled})

    return propose


async def _of_user(user_id: PydanticObjectId, fields: Mapping[str, Any]) -> list[Draft]:
    user = await User.find_one({"_id": user_id})
    if user is None:
        raise UnknownError("user", str(user_id))
    before = {"attributes": user.attributes, "disabled": user.disabled}
    after = {**before, **fields}
    return [Draft(ChangeKind.USER, str(user_id), before, after)] if before != after else []


def _put(state: State, document: Stored) -> Draft:
    known = _known(state, document)
    before = record_of(known) if known else None
    if isinstance(document, Role):
        check_role(document, state.known_types)
        return Draft(ChangeKind.ROLE, document.id, before, record_of(document))
    if isinstance(document, Policy):
        check_policy(document, state.known_types)
        kept = kept_tests(document, state.policies.get(document.id))
        return Draft(ChangeKind.POLICY, document.id, before, record_of(kept))
    check_type(document)
    return Draft(ChangeKind.RESOURCE_TYPE, document.id, before, record_of(document))


def _known(state: State, document: Stored) -> Stored | None:
    if isinstance(document, Role):
        return state.roles.get(document.id)
    return state.policies.get(document.id) if isinstance(document, Policy) else state.types.get(document.id)


def _role(state: State, name: str) -> Role:
    if name not in state.roles:
        raise UnknownError("role", name)
    return state.roles[name]


def _ended(assignment: RoleAssignment, at: datetime) -> Draft:
    before: Record = record_of(assignment)
    return Draft(ChangeKind.ASSIGNMENT, str(assignment.id), before, {**before, "ended_at": at})


def _lasts(assignment: RoleAssignment, at: datetime) -> bool:
    return assignment.valid_until is None or at < assignment.valid_until


def _times(assignment: RoleAssignment, at: datetime) -> tuple[object, ...]:
    """The role, and when it is held from `at` on: when that began, if it did, makes no difference any more."""
    start = assignment.valid_from
    return assignment.role, start if start and start > at else None, assignment.valid_until, assignment.window


def _moment(moment: datetime | None, field: str) -> datetime | None:
    if moment is not None and moment.tzinfo is None:
        raise InvalidChangeError(field, "has no offset from UTC")
    if moment is not None and not YEARS[0] <= moment.year <= YEARS[1]:
        raise InvalidChangeError(field, f"is not between the years {YEARS[0]} and {YEARS[1]}")
    return None if moment is None else stored(moment)
