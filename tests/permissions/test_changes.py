"""Changes: each whole or not at all, and what can't be meant is refused with a reason."""

from datetime import timedelta
from typing import Any

import pytest

from models.clock import now
from models.database import Database
from models.permission_change import ChangeKind, PermissionChange
from models.policy import Policy
from models.resource_type import ResourceType
from models.role import Grant, Role, RoleAssignment
from permissions.changes import SYSTEM, PermissionChanges
from permissions.errors import (
    ConflictingError,
    InvalidChangeError,
    NotFreshError,
    RoleInUseError,
)
from permissions.store import PermissionStore
from tests.permissions.people import ALLOW, by, give, person, role

HOUR = timedelta(hours=1)


@pytest.fixture
def changes(database: Database) -> PermissionChanges:
    return PermissionChanges(PermissionStore())


async def log() -> list[PermissionChange]:
    return sorted(await PermissionChange.find_all().to_list(), key=lambda change: change.id)


async def test_a_change_is_written_with_its_history(changes: PermissionChanges) -> None:
    root = await person("root")
    assert await changes.put([role("all", "*"), role("a", "user:read")], SYSTEM, "the start") == 2
    await give(changes, root, "all")

    revision = await changes.update_role("a", {"description": "reads"}, by(root), "said what it does")

    assert revision == 4
    (_, made, given_, changed) = await log()
    assert (made.kind, made.key, made.by, made.reason, made.before) == (ChangeKind.ROLE, "a", None, "the start", None)
    assert (given_.kind, given_.after and given_.after["user_id"]) == (ChangeKind.ASSIGNMENT, root.id)
    assert (changed.by, changed.reason) == (root.id, "said what it does")
    assert (changed.before, changed.after and changed.after["description"]) == (made.after, "reads")
    stored = await Role.find_one({"_id": "a"})
    assert stored is not None
    assert stored.description == "reads"
    assert stored.grants == [Grant(action="user:read")]


async def test_what_changes_nothing_leaves_no_trace(changes: PermissionChanges) -> None:
    await changes.put_role(role("a", "user:read"), SYSTEM)

    assert await changes.put_role(role("a", "user:read"), SYSTEM) == 1
    assert len(await log()) == 1


async def test_many_are_put_together_or_not_at_all(changes: PermissionChanges) -> None:
    files = ResourceType(id="file", actions=["open"])
    policy = Policy(id="p", effect=ALLOW, actions=["file:open"])

    with pytest.raises(InvalidChangeError):
        await changes.put([role("good", "file:open"), files, policy, role("bad", "file:shut")], SYSTEM)
    assert await log() == []
    assert await Role.find_all().to_list() == []

    assert await changes.put([role("good", "file:open"), policy, files], SYSTEM) == 3


async def test_a_role_is_made_once(changes: PermissionChanges) -> None:
    await changes.create_role(role("a"), SYSTEM)
    with pytest.raises(ConflictingError, match="there is a role `a` already"):
        await changes.create_role(role("a"), SYSTEM)


async def test_a_role_that_inherits_from_itself_is_refused_with_the_way(changes: PermissionChanges) -> None:
    await changes.put([role("a"), role("b", inherits=("a",)), role("c", inherits=("b",))], SYSTEM)

    with pytest.raises(InvalidChangeError) as refused:
        await changes.update_role("a", {"inherits": ["c"]}, SYSTEM)
    assert set(refused.value.details["path"]) == {"a", "b", "c"}
    assert refused.value.details["path"][0] == refused.value.details["path"][-1]
    assert "→" in str(refused.value)

    with pytest.raises(InvalidChangeError, match="a → a"):
        await changes.update_role("a", {"inherits": ["a"]}, SYSTEM)


async def test_a_role_in_use_is_not_deleted_and_the_users_are_told(changes: PermissionChanges) -> None:
    alice, bob = await person("alice"), await person("bob")
    await changes.put([role("a"), role("b", inherits=("a",)), role("c", inherits=("a", "b"))], SYSTEM)
    (held,) = await give(changes, alice, "a")
    (ended,) = await give(changes, bob, "a")
    await changes.end_assignment(ended.id, SYSTEM)

    with pytest.raises(RoleInUseError) as refused:
        await changes.delete_role("a", SYSTEM)
    assert refused.value.inherited_by == ("b", "c")
    assert refused.value.assigned == (str(held.id),)

    await changes.delete_role("a", SYSTEM, "no longer needed", cascade=True)
    roles = {each.id: each.inherits for each in await Role.find_all().to_list()}
    assert roles == {"b": [], "c": ["b"]}
    kept = await RoleAssignment.find_one({"_id": held.id})
    assert kept is not None
    assert kept.ended_at is not None
    assert {change.reason for change in (await log())[-4:]} == {"no longer needed"}


async def test_an_assignment_ends_once_and_keeps_its_end(changes: PermissionChanges) -> None:
    alice = await person("alice")
    await changes.put_role(role("a"), SYSTEM)
    (held,) = await give(changes, alice, "a")

    await changes.end_assignment(held.id, SYSTEM)

    with pytest.raises(ConflictingError, match="ended already"):
        await changes.end_assignment(held.id, SYSTEM)


async def test_a_type_of_resource_makes_its_actions_known(changes: PermissionChanges) -> None:
    sales = ResourceType(id="sales_data", actions=["read", "write"], levels={"read_write": ["read", "write"]})
    await changes.put_resource_type(sales, SYSTEM)

    await changes.put_role(role("seller", "sales_data:read_write", "sales_data:read", "sales_data:*"), SYSTEM)


async def test_a_question_waits_for_the_revision_that_it_wants(changes: PermissionChanges) -> None:
    store = PermissionStore(lambda: 0.0)  # its clock stands: what it has read is fresh for ever
    assert (await store.world()).revision == 0
    revision = await changes.put_role(role("a"), SYSTEM)
    assert (await store.world()).revision == 0

    assert (await store.world(at_least=revision)).revision == revision
    with pytest.raises(NotFreshError):
        await store.world(at_least=revision + 1)


async def test_a_change_of_users_keeps_the_compiled_rules(changes: PermissionChanges) -> None:
    store = PermissionStore()
    changes = PermissionChanges(store)
    await changes.put_role(role("a", "user:read"), SYSTEM)
    before = await store.world()

    alice = await person("alice")
    assert (await store.subject(alice.id)) is not None
    await give(changes, alice, "a")
    after = await store.world()

    assert after.snapshot is before.snapshot
    assert after.revision == before.revision + 1
    subject = await store.subject(alice.id)
    assert subject is not None
    assert subject.roles_at(now()) == ("a",)


def data(**fields: Any) -> dict[str, Any]:
    return fields


async def test_attributes_count_and_a_closed_account_is_nobody(changes: PermissionChanges) -> None:
    store = PermissionStore()
    changes = PermissionChanges(store)
    alice = await person("alice", data(clearance=1))
    assert await store.subject(alice.id)

    await changes.set_attributes(alice.id, data(clearance=2), SYSTEM)
    subject = await store.subject(alice.id)
    assert subject is not None
    assert subject.attributes == {"clearance": 2}

    await changes.set_disabled(alice.id, True, SYSTEM)
    assert await store.subject(alice.id) is None
    await changes.set_disabled(alice.id, False, SYSTEM)
    assert await store.subject(alice.id) is not None
