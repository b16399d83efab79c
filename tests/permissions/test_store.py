"""Roles, policies and assignments as they are stored, and how soon a change counts."""

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from beanie import PydanticObjectId
from pymongo.errors import ServerSelectionTimeoutError

from models.clock import now
from models.database import Database
from models.policy import Policy, PolicyMode
from models.role import Grant, GrantEffect, Role, RoleAssignment
from models.user import User
from permissions.actions import Action
from permissions.authn.errors import UnauthenticatedError
from permissions.authn.principal import Principal
from permissions.changes import SYSTEM, PermissionChanges
from permissions.engine.errors import RoleCycleError
from permissions.engine.facts import Resource
from permissions.engine.snapshot import Snapshot
from permissions.state import State
from permissions.store import FRESH_SECONDS, PermissionStore
from tests.permissions.people import role

PAGE = Resource("conversation")


@dataclass
class Clock:
    """Goes when it is told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


async def add_user(name: str, *roles: str, attributes: Mapping[str, Any] | None = None) -> User:
    email = f"{name}@example.org"
    user = User(
        email=email,
        email_key=email,
        display_name=name,
        name_key=name,
        password_hash="",
        attributes=dict(attributes or {}),
        created_at=now(),
    )
    await user.insert()
    for name in roles:
        await RoleAssignment(user_id=user.id, role=name, granted_at=now()).insert()
    return user


def principal(user: User) -> Principal:
    return Principal(user.id, "session")


async def may_read(store: PermissionStore, user: User) -> bool:
    return bool((await store.access(principal(user))).decide(Action.CONVERSATION_READ, PAGE))


async def test_an_empty_database_allows_nobody_anything(database: Database) -> None:
    store, alice = PermissionStore(), await add_user("alice", "analyst")

    access = await store.access(principal(alice))

    assert not any(access.foresee(action) for action in Action)


async def test_a_change_counts_after_a_second_at_the_latest(database: Database) -> None:
    clock = Clock()
    store, alice = PermissionStore(clock), await add_user("alice")
    assert not await may_read(store, alice)

    changes = PermissionChanges(PermissionStore())
    await changes.put_role(Role(id="reader", grants=[Grant(action="conversation:read")]), SYSTEM)
    await changes.assign(RoleAssignment(user_id=alice.id, role="reader", granted_at=now()), SYSTEM)
    clock.now = FRESH_SECONDS - 0.001
    assert not await may_read(store, alice), "remembered"
    clock.now = FRESH_SECONDS
    assert await may_read(store, alice)


async def test_a_change_by_the_process_itself_counts_at_once(database: Database) -> None:
    store, alice = PermissionStore(Clock()), await add_user("alice", "reader")
    assert not await may_read(store, alice)

    await PermissionChanges(store).put_role(Role(id="reader", grants=[Grant(action="conversation:read")]), SYSTEM)

    assert await may_read(store, alice)


async def test_unchanged_rules_keep_their_snapshot_and_changed_ones_their_revision(database: Database) -> None:
    clock = Clock()
    store = PermissionStore(clock)
    first = await store.snapshot()
    clock.now += FRESH_SECONDS
    assert await store.snapshot() is first

    await PermissionChanges(PermissionStore()).put_policy(
        Policy(id="p", effect=GrantEffect.ALLOW, actions=["conversation:read"]), SYSTEM
    )
    clock.now += FRESH_SECONDS
    changed = await store.snapshot()

    assert changed.revision != first.revision
    assert (await PermissionStore().snapshot()).revision == changed.revision, "the same for every worker"


async def test_only_enforced_policies_count(database: Database) -> None:
    alice = await add_user("alice")
    for mode in (PolicyMode.SHADOW, PolicyMode.OFF):
        await Policy(id=mode, effect=GrantEffect.ALLOW, actions=["conversation:read"], mode=mode).insert()

    assert not await may_read(PermissionStore(), alice)


async def test_an_assignment_holds_in_its_time_only(database: Database) -> None:
    await Role(id="reader", grants=[Grant(action="conversation:read")]).insert()
    hour = timedelta(hours=1)
    times: list[tuple[dict[str, Any], bool]] = [
        ({"valid_from": now() - hour, "valid_until": now() + hour}, True),
        ({"valid_from": now() + hour}, False),
        ({"valid_until": now() - hour}, False),
        ({"ended_at": now() - hour}, False),
    ]
    for n, (limits, wanted) in enumerate(times):
        user = await add_user(f"user{n}")
        await RoleAssignment(user_id=user.id, role="reader", granted_at=now(), **limits).insert()
        assert await may_read(PermissionStore(), user) is wanted, limits


async def test_who_has_no_live_account_is_nobody(database: Database) -> None:
    disabled = await add_user("gone")
    await User.get_pymongo_collection().update_one({"_id": disabled.id}, {"$set": {"disabled": True}})

    for user_id in (disabled.id, PydanticObjectId()):
        access = await PermissionStore().access(Principal(user_id, "session"))
        with pytest.raises(UnauthenticatedError):
            access.require_signed_in()


async def test_a_cycle_in_the_database_stops_everything_rather_than_deny_less(database: Database) -> None:
    await Role(id="a", inherits=["b"]).insert()
    await Role(id="b", inherits=["a"]).insert()

    with pytest.raises(RoleCycleError):
        await PermissionStore().snapshot()


async def test_rules_are_compiled_once_and_beside_what_is_served(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks meanwhile waits for the same snapshot, and gets no older one."""
    store = PermissionStore()
    await store.world()
    threads: list[int] = []
    compile_ = State.snapshot

    def watched(state: State, revision: int, like: tuple[State, Snapshot] | None = None) -> Snapshot:
        threads.append(threading.get_ident())
        return compile_(state, revision, like)

    monkeypatch.setattr(State, "snapshot", watched)
    revision = await PermissionChanges(PermissionStore()).put_role(role("a"), SYSTEM)
    store.forget()
    worlds = await asyncio.gather(*(store.world(at_least=revision) for _ in range(20)))

    assert {id(world.snapshot) for world in worlds} == {id(worlds[0].snapshot)}
    assert {world.revision for world in worlds} == {revision}
    assert "a" in worlds[0].snapshot.roles
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_while_the_database_is_away_all_wait_for_one_answer_and_not_in_a_line(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    store, alice = PermissionStore(clock), await add_user("alice", "reader")
    await store.access(principal(alice))
    clock.now += FRESH_SECONDS
    asked, begun, found_out = list[int](), asyncio.Event(), asyncio.Event()

    async def since(revision: int) -> list[Any]:
        asked.append(revision)
        begun.set()
        await found_out.wait()
        raise ServerSelectionTimeoutError("away")

    monkeypatch.setattr("permissions.history.since", since)
    waiting = asyncio.gather(*(store.access(principal(alice)) for _ in range(10)), return_exceptions=True)
    await begun.wait()
    found_out.set()
    assert [type(each) for each in await asyncio.wait_for(waiting, 10)] == [ServerSelectionTimeoutError] * 10
    assert len(asked) == 1
