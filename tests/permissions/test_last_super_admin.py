"""Somebody is always left who may do everything, for good."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from models.clock import now
from models.database import Database
from models.policy import Policy, PolicyMode
from models.role import Grant, RoleAssignment
from models.user import User
from permissions.changes import SYSTEM, PermissionChanges
from permissions.errors import LastSuperAdminError
from permissions.store import PermissionStore
from tests.permissions.people import DENY, by, give, given, person, role

Change = Callable[[PermissionChanges, User, RoleAssignment], Awaitable[int]]


def policy(*actions: str, mode: PolicyMode = PolicyMode.ENFORCE) -> Policy:
    return Policy(id="shut", effect=DENY, actions=list(actions), mode=mode)


REFUSED: dict[str, Change] = {
    "ends his assignment": lambda c, root, held: c.end_assignment(held.id, by(root)),
    "deletes the role": lambda c, root, held: c.delete_role("super_admin", by(root), cascade=True),
    "takes the grant away": lambda c, root, held: c.update_role("super_admin", {"grants": []}, by(root)),
    "narrows the grant": lambda c, root, held: c.put_role(role("super_admin", "user:*"), by(root)),
    "denies in the role": lambda c, root, held: c.put_role(role("super_admin", "*", denied=("role:write",)), by(root)),
    "denies in a parent": lambda c, root, held: c.put_role(role("parent", denied=("role:*",)), by(root)),
    "denies by another role": lambda c, root, held: c.assign(given(root, "muzzle"), by(root)),
    "denies everybody": lambda c, root, held: c.put_policy(policy("policy:write"), by(root)),
    "denies everybody everything": lambda c, root, held: c.put_policy(policy("*"), by(root)),
    "closes his account": lambda c, root, held: c.set_disabled(root.id, True, by(root)),
}


@pytest.fixture
async def changes(database: Database) -> PermissionChanges:
    changes = PermissionChanges(PermissionStore())
    roles = [role("parent"), role("super_admin", "*", inherits=("parent",)), role("muzzle", denied=("*",))]
    await changes.put(roles, SYSTEM)
    return changes


@pytest.mark.parametrize("name", REFUSED)
async def test_the_last_one_stays(changes: PermissionChanges, name: str) -> None:
    root = await person("root")
    (held,) = await give(changes, root, "super_admin")

    with pytest.raises(LastSuperAdminError):
        await REFUSED[name](changes, root, held)


@pytest.mark.parametrize("name", ["ends his assignment", "denies by another role", "closes his account"])
async def test_one_of_two_may_go(changes: PermissionChanges, name: str) -> None:
    root = await person("root")
    (held,) = await give(changes, root, "super_admin")
    await give(changes, await person("other"), "super_admin")

    await REFUSED[name](changes, root, held)


async def test_who_holds_it_for_a_time_only_is_not_enough(changes: PermissionChanges) -> None:
    root = await person("root")
    (held,) = await give(changes, root, "super_admin")
    limits: tuple[dict[str, Any], ...] = (
        {"valid_until": now() + timedelta(days=365)},
        {"window": "MO-FR 09:00-17:00 UTC"},
        {"valid_from": now() + timedelta(days=1)},
    )
    for number, limit in enumerate(limits):
        await changes.assign(given(await person(f"u{number}"), "super_admin", **limit), SYSTEM)

    with pytest.raises(LastSuperAdminError):
        await changes.end_assignment(held.id, by(root))


async def test_another_role_that_allows_everything_does_as_well(changes: PermissionChanges) -> None:
    root, other = await person("root"), await person("other")
    (held,) = await give(changes, root, "super_admin")
    await changes.put([role("boss", "*"), role("chief", inherits=("boss",))], SYSTEM)
    await give(changes, other, "chief")

    await changes.end_assignment(held.id, by(root))


async def test_what_locks_nobody_out_is_let_through(changes: PermissionChanges) -> None:
    root = await person("root")
    await give(changes, root, "super_admin")

    await changes.put_policy(policy("*", mode=PolicyMode.SHADOW), by(root))
    await changes.put_policy(policy("conversation:delete"), by(root))
    await changes.update_role(
        "super_admin", {"grants": [Grant(action="*"), Grant(effect=DENY, action="audit:read")]}, by(root)
    )


async def test_before_there_is_one_anything_goes(changes: PermissionChanges) -> None:
    await changes.put_policy(policy("*"), SYSTEM)
    await changes.delete_role("super_admin", SYSTEM)
