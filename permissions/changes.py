"""The one door by which permissions change: checked on what is in force, written with their history, or not at all.

A change is drafted and checked on the rules of a revision, then written in one transaction, in which the next number of
the history can be taken once. Whoever comes second there drafts and checks again: so two changes that are right each
by itself are never both made if together they are wrong.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from secrets import randbelow
from typing import Any, Final

from beanie import PydanticObjectId
from pymongo.errors import DuplicateKeyError, PyMongoError

from models.clock import now
from models.permission_change import ChangeKind, PermissionChange
from models.policy import Policy
from models.policy_case import PolicyCase
from models.resource_type import ResourceType
from models.role import Role, RoleAssignment
from models.share import role_grantee
from models.sharing import forget
from models.user import User
from permissions import proposals, subjects, trials
from permissions.actions import Action
from permissions.audit.events import SYSTEM as NOWHERE
from permissions.audit.events import Origin
from permissions.checks import check_graph, check_reason
from permissions.demands import ACTION, taken_over, touched
from permissions.drafts import Draft, applied
from permissions.engine.decision import Decision
from permissions.engine.facts import Resource
from permissions.engine.rules import Effect
from permissions.errors import (
    ContentionError,
    EscalationError,
    LastSuperAdminError,
    OutlastedError,
    OutlastingError,
    UnknownError,
)
from permissions.escalation import Clause, clauses_of_everybody, clauses_of_role, lasting, uncovered
from permissions.lockout import anybody_left
from permissions.proposals import Proposal
from permissions.state import State, Stored
from permissions.store import Ground, PermissionStore

TRIES: Final = 40
LONGEST_WAIT_MS: Final = 200


@dataclass(frozen=True, slots=True)
class Changer:
    """Who makes a change; None is the system itself, for which no escalation is possible.

    `origin` is where he made it, for the audit log.
    """

    user_id: PydanticObjectId | None
    origin: Origin = NOWHERE


SYSTEM: Final = Changer(None)


async def _silently(revision: int) -> None:
    """Nobody is told: the others find out by themselves within `FRESH_SECONDS`."""


Witness = Callable[[Sequence[PermissionChange], Origin], Awaitable[None]]
"""Is told of what was changed, before whoever changed it is."""


async def unseen(changes: Sequence[PermissionChange], origin: Origin) -> None:
    """The history alone has it."""


class PermissionChanges:
    """Each method returns the revision that its change made, or the present one where there was nothing to change.

    All raise `ChangeError` or `EscalationError`, and then have changed nothing. `announce` is told each new revision.
    """

    def __init__(
        self,
        store: PermissionStore,
        announce: Callable[[int], Awaitable[None]] = _silently,
        witness: Witness = unseen,
    ) -> None:
        self._store: Final = store
        self._announce: Final = announce
        self._witness: Final = witness

    async def create_role(self, role: Role, by: Changer, reason: str | None = None) -> int:
        """Raises `ConflictingError` where there is one of that name."""
        return await self._make(proposals.create_role(role), by, reason)

    async def update_role(self, name: str, fields: Mapping[str, Any], by: Changer, reason: str | None = None) -> int:
        """Change some fields of a role, by their names in the document."""
        return await self._make(proposals.update_role(name, fields), by, reason)

    async def put_role(self, role: Role, by: Changer, reason: str | None = None) -> int:
        """A role as it is given, new or not."""
        return await self.put([role], by, reason)

    async def delete_role(self, name: str, by: Changer, reason: str | None = None, *, cascade: bool = False) -> int:
        """Raises `RoleInUseError`; with `cascade`, takes it from whoever inherits or holds it."""
        return await self._make(proposals.delete_role(name, cascade=cascade), by, reason)

    async def put_policy(self, policy: Policy, by: Changer, reason: str | None = None) -> int:
        """A policy as it is given, new or not."""
        return await self.put([policy], by, reason)

    async def promote_policy(self, seen: Policy, by: Changer, reason: str | None = None) -> int:
        """Enforce a policy as it was looked at. Raises `ConflictingError` if it is another by now."""
        return await self._make(proposals.promote(seen), by, reason)

    async def put_resource_type(self, type_: ResourceType, by: Changer, reason: str | None = None) -> int:
        """A type of resource as it is given, new or not."""
        return await self.put([type_], by, reason)

    async def put(
        self,
        documents: Iterable[Stored],
        by: Changer,
        reason: str | None = None,
        *,
        only_missing: bool = False,
        tests: Sequence[PolicyCase] = (),
    ) -> int:
        """All of them, or none; with `only_missing` those whose name is new. `tests` must pass afterwards."""
        return await self._make(proposals.put(documents, only_missing=only_missing), by, reason, tests)

    async def assign(self, assignment: RoleAssignment, by: Changer) -> int:
        """Give a role. Its `reason` is the change's; `granted_at` and `granted_by` are filled in."""
        given = assignment.model_copy(update={"granted_by": by.user_id})
        return await self._make(proposals.assign(given), by, assignment.reason)

    async def end_assignment(self, id_: PydanticObjectId, by: Changer, reason: str | None = None) -> int:
        """From now on the role is not held by this assignment."""
        return await self._make(proposals.end_assignment(id_), by, reason)

    async def set_attributes(
        self, user_id: PydanticObjectId, attributes: Mapping[str, Any], by: Changer, reason: str | None = None
    ) -> int:
        """Replace what conditions read of an account."""
        return await self._make(proposals.set_attributes(user_id, attributes), by, reason)

    async def set_disabled(
        self, user_id: PydanticObjectId, disabled: bool, by: Changer, reason: str | None = None
    ) -> int:
        """Close an account, or open it again."""
        return await self._make(proposals.set_disabled(user_id, disabled), by, reason)

    async def require_reach(self, user_id: PydanticObjectId, action: Action, by: Changer) -> None:
        """Raise `EscalationError` unless `by` may do all that the account may, and for as long.

        Who sets the password or the secret of an account can become it: `action` is what he is about to do.
        """
        if by.user_id is None:
            return
        user = await User.find_one({"_id": user_id})
        if user is None:
            raise UnknownError("user", str(user_id))
        ground = await self._store.ground()
        at = max(now(), ground.at)
        resource = Resource(action.resource_type, user_id)
        held = await RoleAssignment.find({"user_id": user.id, "ended_at": None}).to_list()
        if beyond := uncovered(await _own(ground.state, by.user_id, at), taken_over(ground.state, user, held)):
            raise _escalation(by.user_id, action, resource, at, ground.revision, beyond)
        if beyond := await _outlasted(ground.state, user, held, by.user_id, at):
            raise OutlastedError(
                _escalation(by.user_id, action, resource, at, ground.revision, beyond).decision, beyond
            )

    async def _make(self, propose: Proposal, by: Changer, reason: str | None, tests: Sequence[PolicyCase] = ()) -> int:
        check_reason(reason)
        for tried in range(TRIES):
            ground = await self._store.ground()
            at = max(now(), ground.at)
            drafts = await propose(ground, at)
            if not drafts:
                return ground.revision
            await _check(ground, drafts, by, at, tests)
            changes = _numbered(ground, drafts, by, reason, at)
            # A role of an old name has none of what the old one was given, should its deletion have died half-way.
            await _void_shares(draft for draft in drafts if draft.before is None)
            if await _written(changes, drafts):
                await _void_shares(draft for draft in drafts if draft.after is None)
                await self._store.ground()
                await self._announce(ground.revision + len(drafts))
                await self._witness(changes, by.origin)
                return ground.revision + len(drafts)
            await asyncio.sleep(randbelow(min(LONGEST_WAIT_MS, 2 << min(tried, 10))) / 1000)
        raise ContentionError


async def _check(ground: Ground, drafts: list[Draft], by: Changer, at: datetime, tests: Sequence[PolicyCase]) -> None:
    """All that one draft can't be judged on by itself."""
    after = applied(ground.state, drafts)
    check_graph(after)
    changed = (after.policies.get(draft.key) for draft in drafts if draft.kind is ChangeKind.POLICY)
    trials.run_stored(after, filter(None, changed))
    trials.run(after, tests)
    if by.user_id is not None:
        await _check_escalation(ground, after, drafts, by.user_id, at)
    if not await anybody_left(after, drafts, at) and await anybody_left(ground.state, [], at):
        raise LastSuperAdminError


async def _check_escalation(
    ground: Ground, after: State, drafts: list[Draft], user_id: PydanticObjectId, at: datetime
) -> None:
    own = await _own(ground.state, user_id, at)
    changed = {clause for draft in drafts for clause in await touched(ground.state, after, draft)}
    first = drafts[0]
    resource = Resource(ACTION[first.kind].resource_type, first.key)
    if beyond := uncovered(own, changed):
        raise _escalation(user_id, ACTION[first.kind], resource, at, ground.revision, beyond)
    if beyond := await _outlasting(ground.state, drafts, user_id, at):
        raise OutlastingError(
            _escalation(user_id, ACTION[first.kind], resource, at, ground.revision, beyond).decision, beyond
        )


async def _outlasting(state: State, drafts: Iterable[Draft], user_id: PydanticObjectId, at: datetime) -> list[str]:
    """The patterns that somebody would hold when the changer does not any more."""
    given = [found for found in map(_given, drafts) if found is not None]
    subject = await subjects.load(user_id) if given else None
    for each in given:
        if beyond := uncovered(lasting(state, subject, each, at), clauses_of_role(state, each.role)):
            return beyond
    return []


async def _outlasted(
    state: State, user: User, held: Iterable[RoleAssignment], user_id: PydanticObjectId, at: datetime
) -> list[str]:
    """The patterns that the account may do for longer than who is about to get into it."""
    subject = await subjects.load(user_id)
    for each in held:
        over = each.valid_until is not None and each.valid_until <= at
        if not over and (beyond := uncovered(lasting(state, subject, each, at), taken_over(state, user, [each]))):
            return beyond
    # What everybody may who has such attributes has no end.
    for_good = RoleAssignment.model_construct(valid_until=None, window=None)
    return uncovered(lasting(state, subject, for_good, at), taken_over(state, user, []))


def _given(draft: Draft) -> RoleAssignment | None:
    """The assignment that would be new."""
    new = draft.kind is ChangeKind.ASSIGNMENT and draft.before is None and draft.after is not None
    return RoleAssignment.model_validate(draft.after) if new else None


def _escalation(
    user_id: PydanticObjectId, action: Action, resource: Resource, at: datetime, revision: int, beyond: list[str]
) -> EscalationError:
    denial = Decision(user_id, action, resource, Effect.DENY, ("no escalation",), (), at, str(revision))
    return EscalationError(denial, beyond)


async def _own(state: State, user_id: PydanticObjectId, at: datetime) -> set[Clause]:
    """What the changer may do himself at that moment."""
    subject = await subjects.load(user_id)
    if subject is None:
        return set()
    return {clause for role in subject.roles_at(at) for clause in clauses_of_role(state, role)} | clauses_of_everybody(
        state
    )


async def _void_shares(drafts: Iterable[Draft]) -> None:
    """Take away what was shared with roles that there aren't: it counts for nobody already."""
    db = PermissionChange.get_pymongo_collection().database
    for draft in drafts:
        if draft.kind is ChangeKind.ROLE:
            await forget(db, role_grantee(draft.key))


def _numbered(
    ground: Ground, drafts: Iterable[Draft], by: Changer, reason: str | None, at: datetime
) -> list[PermissionChange]:
    return [
        PermissionChange(
            id=number,
            at=at,
            by=by.user_id,
            kind=ChangeKind(draft.kind),
            key=draft.key,
            before=None if draft.before is None else dict(draft.before),
            after=None if draft.after is None else dict(draft.after),
            reason=reason,
        )
        for number, draft in enumerate(drafts, ground.revision + 1)
    ]


async def _written(changes: list[PermissionChange], drafts: list[Draft]) -> bool:
    """Whether all of it was written; False, and nothing, where somebody else had taken the numbers."""
    client = PermissionChange.get_pymongo_collection().database.client
    try:
        async with client.start_session() as session, await session.start_transaction():
            for change in changes:  # one by one: a number that is taken is not a fault within a bulk
                await change.insert(session=session)
            for draft in drafts:
                await draft.write(session)
    except DuplicateKeyError:
        return False
    except PyMongoError as error:
        if error.has_error_label("TransientTransactionError"):
            return False
        raise
    return True
