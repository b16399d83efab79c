"""Roles, policies and assignments, from MongoDB to the engine."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

from beanie import PydanticObjectId

from models.clock import now
from models.policy import Policy as StoredPolicy
from models.policy import PolicyMode
from models.role import Role as StoredRole
from models.role import RoleAssignment
from models.user import User
from permissions.access import Access
from permissions.authn.errors import UnauthenticatedError
from permissions.authn.principal import Principal
from permissions.engine.facts import Assignment, Env, Subject
from permissions.engine.rulebook import Grant, Policy, Role
from permissions.engine.rules import Effect
from permissions.engine.snapshot import Snapshot
from permissions.resources import CONVENTIONS

FRESH_SECONDS: Final = 1.0
"""How old what is remembered may be: a change counts everywhere within this."""
SUBJECTS: Final = 10_000
"""Users remembered."""

NOTHING: Final[Mapping[str, Any]] = {}


class PermissionStore:
    """The latest snapshot and the subjects seen lately. The documents must be bound (`Database.connect`)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock: Final = clock
        self._loading: Final = asyncio.Lock()
        self._snapshot: Snapshot | None = None
        self._snapshot_until = 0.0
        self._subjects: Final[dict[PydanticObjectId, tuple[float, Subject | None]]] = {}

    async def access(
        self,
        principal: Principal | None,
        circumstances: Mapping[str, Any] = NOTHING,
        refusal: UnauthenticatedError | None = None,
    ) -> Access:
        """What the caller may do as of now; `circumstances` are read as `env.…`. Who has no live account is nobody."""
        snapshot = await self.snapshot()
        subject = None if principal is None else await self.subject(principal.user_id)
        return Access(snapshot, subject, Env(now(), circumstances), refusal)

    async def snapshot(self) -> Snapshot:
        """All roles and policies; raises `RulesError` if they are unusable, rather than go on with older ones."""
        async with self._loading:
            asked = self._clock()
            if self._snapshot is None or self._snapshot_until <= asked:
                self._snapshot = await self._load(self._snapshot)
                self._snapshot_until = asked + FRESH_SECONDS
            return self._snapshot

    async def subject(self, user_id: PydanticObjectId) -> Subject | None:
        """The user with his roles and attributes; None if there is no such account, or it is disabled."""
        asked = self._clock()
        until, subject = self._subjects.get(user_id, (asked, None))
        if asked < until:
            return subject
        subject = await _load_subject(user_id)
        self._subjects.pop(user_id, None)  # so that the order is that of loading
        self._subjects[user_id] = (asked + FRESH_SECONDS, subject)
        if len(self._subjects) > SUBJECTS:
            del self._subjects[next(iter(self._subjects))]
        return subject

    def forget(self) -> None:
        """Load everything anew when next asked: after a change by this very process."""
        self._snapshot_until = 0.0
        self._subjects.clear()

    async def _load(self, known: Snapshot | None) -> Snapshot:
        roles = await StoredRole.find_all().to_list()
        policies = await StoredPolicy.find_all().to_list()
        revision = _revision([*roles, *policies])
        if known is not None and known.revision == revision:
            return known  # with the plans that it remembers
        return Snapshot(
            map(_role, roles),
            (_policy(each) for each in policies if each.mode is PolicyMode.ENFORCE),
            revision=revision,
            conventions=CONVENTIONS,
        )


def _revision(documents: Iterable[StoredRole | StoredPolicy]) -> str:
    """The same on every worker that has read the same."""
    texts = sorted(f"{type(each).__name__} {each.model_dump()!r}" for each in documents)
    return sha256("\n".join(texts).encode()).hexdigest()[:16]


def _role(stored: StoredRole) -> Role:
    grants = (Grant(Effect(grant.effect), grant.action, grant.condition) for grant in stored.grants)
    return Role(stored.id, tuple(stored.inherits), tuple(grants), stored.priority)


def _policy(stored: StoredPolicy) -> Policy:
    return Policy(stored.id, Effect(stored.effect), tuple(stored.actions), stored.when, stored.unless)


async def _load_subject(user_id: PydanticObjectId) -> Subject | None:
    user = await User.find_one({"_id": user_id})
    if user is None or user.disabled:
        return None
    held = await RoleAssignment.find({"user_id": user_id, "ended_at": None}).to_list()
    assignments = (Assignment(each.role, each.valid_from, each.valid_until, each.ended_at) for each in held)
    return Subject(user.id, tuple(assignments), user.attributes)
