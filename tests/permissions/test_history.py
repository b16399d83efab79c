"""What was in force at any time of the past: read from the log, and compared with a model that noted it then."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

import pytest

from models.clock import now
from models.database import Database
from models.policy import Policy, PolicyMode
from models.user import User
from permissions import history
from permissions.changes import SYSTEM, PermissionChanges
from permissions.engine.facts import Env, Resource
from permissions.errors import AlreadyHeldError
from permissions.store import LONG_AGO, PermissionStore
from tests.permissions.people import ALLOW, DENY, give, given, person, role

ACTIONS = ("user:read", "user:list", "role:read", "audit:read")
Matrix = Mapping[tuple[str, str], bool]


@dataclass
class Model:
    """Decides by itself: `deny_overrides` over sets, without conditions."""

    roles: dict[str, tuple[set[str], set[str], list[str]]] = field(default_factory=dict)
    policies: dict[str, tuple[bool, set[str]]] = field(default_factory=dict)
    held: dict[str, list[str]] = field(default_factory=dict)
    disabled: set[str] = field(default_factory=set)

    def closure(self, name: str) -> set[str]:
        parents = self.roles[name][2] if name in self.roles else []
        return {name}.union(*(self.closure(parent) for parent in parents))

    def decides(self, user: str, action: str) -> bool:
        if user in self.disabled:
            return False
        names = set().union(*(self.closure(name) for name in self.held.get(user, [])))
        known = [self.roles[name] for name in names if name in self.roles]
        allowed = any(action in each[0] for each in known) or any(
            ok and action in actions for ok, actions in self.policies.values()
        )
        denied = any(action in each[1] for each in known) or any(
            not ok and action in actions for ok, actions in self.policies.values()
        )
        return allowed and not denied

    def matrix(self, users: list[str]) -> Matrix:
        return {(user, action): self.decides(user, action) for user in users for action in ACTIONS}


@dataclass
class Player:
    """Makes one random change after another, in the database and in the model."""

    random: Random
    changes: PermissionChanges
    users: dict[str, User]
    model: Model = field(default_factory=Model)
    assigned: dict[Any, tuple[str, str]] = field(default_factory=dict)

    async def step(self) -> None:
        moves = (self.put_role, self.put_policy, self.assign, self.assign, self.end, self.delete_role, self.disable)
        await self.random.choice(moves)()

    def some(self) -> set[str]:
        return set(self.random.sample(ACTIONS, self.random.randint(0, 2)))

    async def put_role(self) -> None:
        name = f"r{self.random.randrange(5)}"
        allowed, denied = self.some(), self.some() if self.random.random() < 0.3 else set()
        later = [each for each in self.model.roles if each > name]  # no circle ever
        parents = self.random.sample(later, min(len(later), self.random.randint(0, 2)))
        await self.changes.put_role(role(name, *allowed, inherits=tuple(parents), denied=tuple(denied)), SYSTEM)
        self.model.roles[name] = (allowed, denied, parents)

    async def put_policy(self) -> None:
        name, actions = f"p{self.random.randrange(2)}", self.some() or {"user:read"}
        enforced, allows = self.random.random() < 0.5, self.random.random() < 0.5
        mode = PolicyMode.ENFORCE if enforced else PolicyMode.OFF
        await self.changes.put_policy(
            Policy(id=name, effect=ALLOW if allows else DENY, actions=sorted(actions), mode=mode), SYSTEM
        )
        self.model.policies.pop(name, None)
        if enforced:
            self.model.policies[name] = (allows, actions)

    async def assign(self) -> None:
        if not self.model.roles:
            return
        user, name = self.random.choice(sorted(self.users)), self.random.choice(sorted(self.model.roles))
        made = given(self.users[user], name)
        if name in self.model.held.get(user, ()):
            with pytest.raises(AlreadyHeldError):
                await self.changes.assign(made, SYSTEM)
            return
        await self.changes.assign(made, SYSTEM)
        self.assigned[made.id] = (user, name)
        self.model.held.setdefault(user, []).append(name)

    async def end(self) -> None:
        if self.assigned:
            id_ = self.random.choice(list(self.assigned))
            user, name = self.assigned.pop(id_)
            await self.changes.end_assignment(id_, SYSTEM)
            self.model.held[user].remove(name)

    async def delete_role(self) -> None:
        if self.model.roles and self.random.random() < 0.3:
            name = self.random.choice(sorted(self.model.roles))
            await self.changes.delete_role(name, SYSTEM, cascade=True)
            self.assigned = {id_: each for id_, each in self.assigned.items() if each[1] != name}
            self.model.held = {user: [each for each in held if each != name] for user, held in self.model.held.items()}
            del self.model.roles[name]
            self.model.roles = {
                each: (allowed, denied, [parent for parent in parents if parent != name])
                for each, (allowed, denied, parents) in self.model.roles.items()
            }

    async def disable(self) -> None:
        user, closed = self.random.choice(sorted(self.users)), self.random.random() < 0.3
        await self.changes.set_disabled(self.users[user].id, closed, SYSTEM)
        (self.model.disabled.add if closed else self.model.disabled.discard)(user)


async def matrix_at(store: PermissionStore, users: Mapping[str, User], at: datetime) -> Matrix:
    """What the engine says of that moment."""
    world = await store.world(at)
    found = {}
    for name, user in users.items():
        subject = await store.subject(user.id, at)
        for action in ACTIONS:
            resource = Resource(action.partition(":")[0])
            found[name, action] = bool(subject and world.snapshot.decide(subject, action, resource, Env(at)))
    return found


def tick(before: datetime) -> datetime:
    """A moment after `before`: history is kept in milliseconds."""
    while (moment := now()) <= before:
        pass
    return moment


@pytest.mark.parametrize("seed", range(6))
async def test_any_past_moment_is_told_as_it_was(database: Database, seed: int) -> None:
    users = {name: await person(name) for name in ("ann", "ben", "cid")}
    player = Player(Random(seed), PermissionChanges(PermissionStore()), users)
    moments: list[tuple[datetime, Matrix]] = []
    at = now()
    for _ in range(40):
        await player.step()
        at = tick(at)
        moments.append((at, player.model.matrix(list(users))))
        at = tick(at)

    for store in (PermissionStore(), player.changes._store):
        for moment, wanted in player.random.sample(moments, 20):
            assert await matrix_at(store, users, moment) == wanted
        listed = {subject.id async for subject in store.subjects(moments[5][0])}
        assert listed <= {user.id for user in users.values()}


async def test_before_everything_nobody_may_anything(database: Database) -> None:
    changes, before = PermissionChanges(PermissionStore()), now()
    await changes.put_role(role("a", "user:read"), SYSTEM)
    alice = await person("alice")
    await give(changes, alice, "a")
    store = PermissionStore()

    assert (await store.world(LONG_AGO)).revision == 0
    assert await store.subject(alice.id, LONG_AGO) is None, "there was no such account"
    assert [each async for each in store.subjects(before)] == []
    assert [each.id async for each in store.subjects()] == [alice.id]


async def test_attributes_are_told_as_they_were(database: Database) -> None:
    store = PermissionStore()
    changes, alice = PermissionChanges(store), await person("alice", {"clearance": 1})
    first = tick(now())
    tick(first)
    await changes.set_attributes(alice.id, {"clearance": 2}, SYSTEM)
    second = tick(now())
    tick(second)
    await changes.set_attributes(alice.id, {"clearance": 3}, SYSTEM)

    for moment, clearance in ((first, 1), (second, 2), (now(), 3), (None, 3)):
        subject = await store.subject(alice.id, moment)
        assert subject is not None
        assert subject.attributes == {"clearance": clearance}
        (listed,) = [each async for each in store.subjects(moment)]
        assert listed == subject


async def test_one_that_is_dated_back_held_from_when_it_was_given(database: Database) -> None:
    store = PermissionStore()
    changes, alice = PermissionChanges(store), await person("alice")
    await changes.put_role(role("a", "user:read"), SYSTEM)
    before = tick(now())
    tick(before)
    await changes.assign(given(alice, "a", valid_from=alice.created_at), SYSTEM)

    then, today = await store.subject(alice.id, before), await store.subject(alice.id)
    assert then is not None
    assert today is not None
    assert then.roles_at(before) == ()
    assert today.roles_at(now()) == ("a",)


async def test_snapshots_of_the_past_are_kept_within_bounds(database: Database) -> None:
    store = PermissionStore()
    changes = PermissionChanges(store)
    moments = []
    for number in range(20):
        await changes.put_role(role(f"r{number}"), SYSTEM)
        moments.append(tick(now()))
        tick(moments[-1])

    worlds = [await store.world(moment) for moment in moments[:-1]]

    assert [world.revision for world in worlds] == list(range(1, 20))
    assert [len(world.snapshot.compiled.by_name) for world in worlds] == list(range(1, 20))
    assert (await store.world(moments[-2])).snapshot is worlds[-1].snapshot
    assert len(store._past) == 16


@pytest.mark.parametrize("length", [0, 1, 2, 3, 63, 64, 65, 127, 128, 4097])
async def test_the_newest_change_is_found_in_a_log_of_any_length(database: Database, length: int) -> None:
    log = [{"_id": n, "kind": "user", "key": "k", "at": now()} for n in range(1, length + 1)]
    if log:
        await database.db.permission_changes.insert_many(log)

    newest = await history.newest()

    assert (newest.id if newest else 0) == length
    assert [change.id for change in await history.since(max(0, length - 100))] == list(
        range(max(0, length - 100) + 1, length + 1)
    )
