"""Changes that are right each by itself, made in the same instant by two workers."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

import pytest

from models.clock import now
from models.database import Database
from models.permission_change import PermissionChange
from models.role import Role, RoleAssignment
from permissions.changes import SYSTEM, PermissionChanges
from permissions.errors import (
    AlreadyHeldError,
    EscalationError,
    InvalidChangeError,
    LastSuperAdminError,
    PermissionsError,
)
from permissions.store import PermissionStore
from tests.permissions.people import by, give, given, person, role

Workers = tuple[PermissionChanges, PermissionChanges]


@pytest.fixture
def workers(database: Database) -> Workers:
    """Two, each with a memory of its own."""
    return PermissionChanges(PermissionStore()), PermissionChanges(PermissionStore())


async def together(*works: Awaitable[int]) -> list[PermissionsError]:
    """What went wrong; anything else than a `PermissionsError` is raised."""
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, PermissionsError):
            raise result
    return [result for result in results if isinstance(result, PermissionsError)]


async def assert_dense() -> None:
    changes = await PermissionChange.find_all().to_list()
    assert sorted(change.id for change in changes) == list(range(1, len(changes) + 1))
    ordered = sorted(changes, key=lambda change: change.id)
    assert [change.at for change in ordered] == sorted(change.at for change in changes)


async def test_two_writers_never_make_a_circle_between_them(workers: Workers) -> None:
    one, other = workers
    await one.put([role(f"{side}{n}") for n in range(10) for side in "ab"], SYSTEM)

    for n in range(10):
        refused = await together(
            one.update_role(f"a{n}", {"inherits": [f"b{n}"]}, SYSTEM),
            other.update_role(f"b{n}", {"inherits": [f"a{n}"]}, SYSTEM),
        )
        assert len(refused) == 1
        assert isinstance(refused[0], InvalidChangeError)
        assert "→" in str(refused[0])

    parents = {each.id: each.inherits for each in await Role.find_all().to_list()}
    assert all(bool(parents[f"a{n}"]) is not bool(parents[f"b{n}"]) for n in range(10))
    await assert_dense()


async def test_a_crowd_takes_turns_and_loses_nothing(workers: Workers) -> None:
    await workers[0].put_role(role("a"), SYSTEM)

    assert await together(*(workers[n % 2].put_role(role(f"r{n}"), SYSTEM) for n in range(30))) == []

    assert len(await Role.find_all().to_list()) == 31
    await assert_dense()


async def test_fields_that_two_change_at_once_are_both_changed(workers: Workers) -> None:
    one, other = workers
    await one.put_role(role("a"), SYSTEM)

    refused = await together(
        one.update_role("a", {"priority": 7}, SYSTEM), other.update_role("a", {"description": "seven"}, SYSTEM)
    )

    assert refused == []
    stored = await Role.find_one({"_id": "a"})
    assert stored is not None
    assert (stored.priority, stored.description) == (7, "seven")


async def test_a_role_is_not_given_while_it_is_deleted(workers: Workers) -> None:
    one, other = workers
    alice = await person("alice")
    for n in range(10):
        await one.put_role(role(f"r{n}"), SYSTEM)
        await together(one.delete_role(f"r{n}", SYSTEM), other.assign(given(alice, f"r{n}"), SYSTEM))

    left = {each.id for each in await Role.find_all().to_list()}
    assert {each.role for each in await RoleAssignment.find_all().to_list()} == left


async def test_two_super_admins_do_not_end_each_other(workers: Workers) -> None:
    one, other = workers
    await one.put_role(role("super_admin", "*"), SYSTEM)
    for n in range(5):
        first, second = await person(f"first{n}"), await person(f"second{n}")
        (of_first,), (of_second,) = await give(one, first, "super_admin"), await give(one, second, "super_admin")
        for each in await RoleAssignment.find({"role": "super_admin", "ended_at": None}).to_list():
            if each.id not in (of_first.id, of_second.id):
                await one.end_assignment(each.id, SYSTEM)

        refused = await together(
            one.end_assignment(of_second.id, by(first)), other.end_assignment(of_first.id, by(second))
        )

        assert len(refused) == 1, "the last one may not go, or has lost the right to end another's"
        assert isinstance(refused[0], LastSuperAdminError | EscalationError)
        assert len(await RoleAssignment.find({"role": "super_admin", "ended_at": None}).to_list()) == 1


async def test_a_role_is_not_held_twice_for_the_same_time(workers: Workers) -> None:
    one, other = workers
    await one.put_role(role("a"), SYSTEM)
    for n in range(10):
        alice = await person(f"alice{n}")

        refused = await together(*(worker.assign(given(alice, "a"), SYSTEM) for worker in (one, other, one, other)))

        (made,) = await RoleAssignment.find({"user_id": alice.id}).to_list()
        assert len(refused) == 3
        for error in refused:
            assert isinstance(error, AlreadyHeldError)
            assert error.assignment == str(made.id)
    await assert_dense()


async def test_a_role_may_be_held_for_several_times_and_again_after_its_end(workers: Workers) -> None:
    one, _ = workers
    alice, soon = await person("alice"), now() + timedelta(hours=1)
    await one.put([role("a"), role("b")], SYSTEM)
    (first, *_) = await give(one, alice, "a", "b")

    for times in (
        {"valid_until": soon},
        {"valid_from": soon},
        {"window": "MO-FR 09:00-17:00 UTC"},
        {"valid_from": soon, "valid_until": soon + timedelta(hours=1)},
    ):
        await one.assign(given(alice, "a", **times), SYSTEM)
        with pytest.raises(AlreadyHeldError):
            await one.assign(given(alice, "a", **times), SYSTEM)
    with pytest.raises(AlreadyHeldError):
        await one.assign(given(alice, "a", valid_from=now() - timedelta(days=1)), SYSTEM)

    await one.end_assignment(first.id, SYSTEM)
    await one.assign(given(alice, "a"), SYSTEM)
