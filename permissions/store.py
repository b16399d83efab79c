"""Roles, policies and assignments, from MongoDB to the engine: as they are now, and as they were."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from beanie import PydanticObjectId

from models.clock import now
from models.permission_change import ChangeKind, PermissionChange
from models.single_flight import SingleFlight
from permissions import history, subjects
from permissions.access import Access
from permissions.authn.errors import UnauthenticatedError
from permissions.authn.principal import Principal
from permissions.engine.facts import Env, Subject
from permissions.engine.snapshot import Snapshot
from permissions.errors import NotFreshError
from permissions.state import RULES, State
from permissions.turns import Turns

FRESH_SECONDS: Final = 1.0
"""How old what is remembered may be: a change counts everywhere within this."""
PATIENCE_SECONDS: Final = 1.0
"""How long a question waits for the revision that it wants at least."""
SUBJECTS: Final = 30_000
"""Users remembered: more than follow anything on one worker, or each change would have all of them read again."""
PAST: Final = 16
"""Snapshots of the past remembered."""
LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)

NOTHING: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Ground:
    """All rules at a revision, and when that was: what a change builds on."""

    state: State
    revision: int
    at: datetime


@dataclass(frozen=True, slots=True)
class World:
    """The rules in force at a moment; `revision` is the last change that is in them."""

    snapshot: Snapshot
    revision: int
    at: datetime


@dataclass(frozen=True, slots=True)
class News:
    """What has changed: the rules, which hold for all, or what there is to know of some accounts."""

    rules: bool
    users: frozenset[PydanticObjectId]


class PermissionStore:
    """The rules in memory, kept up by the log of changes. The documents must be bound (`Database.connect`).

    What is written past `permissions.changes` is not in the log, and counts when the process starts anew.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock: Final = clock
        self._reading: Final = asyncio.Lock()
        self._freshening: Final = SingleFlight(self._freshened)
        self._compiling: Final = asyncio.Lock()
        self._ground: Ground | None = None
        self._snapshot: Snapshot | None = None
        self._compiled: State | None = None
        self._fresh_until = 0.0
        self._subjects: Final[dict[PydanticObjectId, Subject | None]] = {}
        self._listeners: Final[list[Callable[[News], None]]] = []
        self._past: Final[OrderedDict[int, Snapshot]] = OrderedDict()
        self.turns: Final = Turns()
        """For questions about these rules that take long."""

    @property
    def revision(self) -> int:
        """The last change that is known here; 0 before anything is."""
        return 0 if self._ground is None else self._ground.revision

    @property
    def fresh(self) -> bool:
        """Whether what is known is all that was written until `FRESH_SECONDS` ago."""
        return self._ground is not None and self._clock() < self._fresh_until

    @contextmanager
    def telling(self, listener: Callable[[News], None]) -> Iterator[None]:
        """Within the block `listener` is called as soon as a change is known here, before anything is decided by it."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    async def freshen(self) -> None:
        """Know all that was written until `FRESH_SECONDS` ago."""
        await self._fresh()

    async def access(
        self,
        principal: Principal | None,
        circumstances: Mapping[str, Any] = NOTHING,
        refusal: UnauthenticatedError | None = None,
        at_least: int | None = None,
    ) -> Access:
        """What the caller may do as of now; `circumstances` are read as `env.…`. Who has no live account is nobody."""
        known = self.access_at_hand(principal, circumstances, refusal, at_least)
        if known is not None:
            return known
        snapshot = self._at_hand(at_least or 0)
        if snapshot is None:
            snapshot, _ = await self._present(await self._at_least(at_least or 0))
        subject = None if principal is None else await self.subject(principal.user_id)
        return Access(snapshot, subject, Env(now(), circumstances), refusal)

    def access_at_hand(
        self,
        principal: Principal | None,
        circumstances: Mapping[str, Any] = NOTHING,
        refusal: UnauthenticatedError | None = None,
        at_least: int | None = None,
    ) -> Access | None:
        """The same where all that it takes is known: the common case."""
        snapshot, subject = self._at_hand(at_least or 0), None
        if snapshot is None:
            return None
        if principal is not None:
            subject = self._subjects.get(principal.user_id)  # as fresh as the rules
            if subject is None:
                return None
        return Access(snapshot, subject, Env(now(), circumstances), refusal)

    def subject_at_hand(self, user_id: PydanticObjectId) -> Subject | None:
        """The subject of the access that somebody is given at this moment, where all that it takes is known."""
        return None if self._at_hand(0) is None else self._subjects.get(user_id)

    async def snapshot(self, at_least: int | None = None) -> Snapshot:
        """All rules as of now; raises `RulesError` if they are unusable, rather than go on with older ones."""
        return (await self.world(at_least=at_least)).snapshot

    async def world(self, at: datetime | None = None, at_least: int | None = None) -> World:
        """The rules at a moment, by default now; of the future, what is in force now.

        `at_least` is a revision that must be in what is told of now. Raises `NotFreshError` if it doesn't come.
        """
        ground = await self._at_least(at_least or 0)
        if at is None or ground.at <= at:
            snapshot, ground = await self._present(ground)
        if at is None or ground.at <= at:
            return World(snapshot, ground.revision, at or now())
        revision = await history.revision_at(at, ground.revision)
        return World(await self._as_of(revision, ground), revision, at)

    async def ground(self) -> Ground:
        """What is in force at this moment, however lately it was read."""
        async with self._reading:
            return await self._read()

    async def subject(self, user_id: PydanticObjectId, at: datetime | None = None) -> Subject | None:
        """The user with his roles and attributes; None if there is no such account, or it is disabled."""
        if at is not None:
            return await subjects.load_at(user_id, at)
        ground = await self._fresh()
        if user_id in self._subjects:
            return self._subjects[user_id]
        subject = await subjects.load(user_id)
        if subject is not None and self._ground is ground:  # else it may have been read before what is known now
            self._remember(user_id, subject)
        return subject

    async def subjects(
        self, at: datetime | None = None, after: PydanticObjectId | None = None
    ) -> AsyncIterator[Subject]:
        """Every account that can be used, by address, a batch in memory at a time; those past `after`."""
        ground = await self._fresh()
        revision = ground.revision if at is None else await history.revision_at(at, ground.revision)
        async for subject in subjects.all_of_them(at, revision, after):
            yield subject

    async def remember(self, user_ids: Iterable[PydanticObjectId]) -> None:
        """Have these accounts at hand, as they are now: those that aren't are read together, a batch at a time."""
        missing = [user_id for user_id in set(user_ids) if user_id not in self._subjects]
        for start in range(0, len(missing), subjects.BATCH):
            ground = await self._fresh()
            found = await subjects.load_all(missing[start : start + subjects.BATCH])
            if self._ground is ground:
                for user_id, subject in found.items():
                    self._remember(user_id, subject)

    def _at_hand(self, at_least: int) -> Snapshot | None:
        """The rules as of now, where they are known and compiled: the common case."""
        ground = self._ground
        if ground is None or self._clock() >= self._fresh_until:
            return None
        return self._snapshot if self._compiled is ground.state and ground.revision >= at_least else None

    def forget(self) -> None:
        """Read what is new when next asked: something has changed."""
        self._fresh_until = 0.0

    async def _at_least(self, revision: int) -> Ground:
        ground = await self._fresh()
        until = time.monotonic() + PATIENCE_SECONDS
        while ground.revision < revision:
            ground = await self.ground()
            if ground.revision < revision:
                if time.monotonic() > until:
                    raise NotFreshError(revision)
                await asyncio.sleep(PATIENCE_SECONDS / 10)
        return ground

    async def _fresh(self) -> Ground:
        asked = self._clock()
        while self._ground is None or asked >= self._fresh_until:  # what is being read may be older than that by now
            await self._freshening.join()
        return self._ground

    async def _freshened(self) -> None:
        async with self._reading:
            if not self.fresh:
                await self._read()

    async def _read(self) -> Ground:
        asked = self._clock()
        if self._ground is None:
            last = await history.newest()
            self._ground = Ground(await State.load(), *((last.id, last.at) if last else (0, LONG_AGO)))
        changes = await history.since(self._ground.revision)
        if changes:
            self._take(self._ground, changes)
        self._fresh_until = asked + FRESH_SECONDS
        return self._ground

    def _take(self, ground: Ground, changes: list[PermissionChange]) -> None:
        rules = [change for change in changes if change.kind in RULES]
        self._ground = Ground(ground.state.after(rules), changes[-1].id, changes[-1].at)
        users = frozenset(filter(None, map(_whose, changes)))
        for user_id in users:
            self._subjects.pop(user_id, None)
        for listener in self._listeners:
            listener(News(bool(rules), users))

    async def _present(self, ground: Ground) -> tuple[Snapshot, Ground]:
        """The rules of `ground`, or of what is known when its turn comes: compiled once, whoever waits for them.

        In a thread: where there are thousands of roles it takes a while, in which others are served.
        """
        if self._snapshot is not None and self._compiled is ground.state:
            return self._snapshot, ground
        async with self._compiling:
            ground = self._ground or ground
            if self._snapshot is None or self._compiled is not ground.state:
                like = (self._compiled, self._snapshot) if self._compiled and self._snapshot else None
                self._snapshot = await asyncio.to_thread(ground.state.snapshot, ground.revision, like)
                self._compiled = ground.state
            return self._snapshot, ground

    async def _as_of(self, revision: int, ground: Ground) -> Snapshot:
        known = self._past.pop(revision, None)
        if known is None:
            later = await history.rules_since(revision)
            state = ground.state.undone(change for change in later if change.id <= ground.revision)
            like = (self._compiled, self._snapshot) if self._compiled and self._snapshot else None
            known = await asyncio.to_thread(state.snapshot, revision, like)
        self._past[revision] = known
        if len(self._past) > PAST:
            self._past.popitem(last=False)
        return known

    def _remember(self, user_id: PydanticObjectId, subject: Subject | None) -> None:
        self._subjects[user_id] = subject
        if len(self._subjects) > SUBJECTS:
            del self._subjects[next(iter(self._subjects))]


def _whose(change: PermissionChange) -> PydanticObjectId | None:
    """Whom it concerns; None for a rule."""
    if change.kind is ChangeKind.USER:
        return PydanticObjectId(change.key)
    record = change.after or change.before or {}
    return PydanticObjectId(record["user_id"]) if change.kind is ChangeKind.ASSIGNMENT else None
