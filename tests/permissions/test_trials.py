"""Tests of policies: kept beside them, and run at every change of them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from models.database import Database
from models.policy import Policy, PolicyMode
from models.policy_case import CaseResource, CaseSubject, PolicyCase
from models.role import GrantEffect
from permissions.changes import SYSTEM, PermissionChanges
from permissions.errors import ConflictingError, InvalidChangeError
from permissions.store import PermissionStore
from tests.permissions.people import role

NEARBY = PolicyCase(
    name="from his region",
    subject=CaseSubject(id="ann", roles=["reader"], attributes={"region": "EMEA"}),
    action="conversation:read",
    resource=CaseResource(attributes={"region": "EMEA", "made": datetime(2026, 3, 2, tzinfo=UTC)}),
    effect=GrantEffect.ALLOW,
    decided_by=["policy nearby"],
)


def nearby(**fields: Any) -> Policy:
    given: dict[str, Any] = {
        "id": "nearby",
        "effect": GrantEffect.ALLOW,
        "actions": ["conversation:read"],
        "when": "resource.region == user.region",
        "tests": [NEARBY],
        **fields,
    }
    return Policy(**given)


@pytest.fixture
async def changes(database: Database) -> PermissionChanges:
    door = PermissionChanges(PermissionStore())
    await door.put_role(role("reader", "user:read"), SYSTEM)
    return door


async def stored() -> Policy | None:
    return await Policy.find_one({"_id": "nearby"})


async def test_tests_that_pass_are_stored_beside_their_policy(changes: PermissionChanges) -> None:
    await changes.put_policy(nearby(), SYSTEM)

    found = await stored()
    assert found is not None
    assert found.tests == [NEARBY]


async def test_a_change_that_lets_a_stored_test_fail_is_refused_and_nothing_is_written(
    changes: PermissionChanges,
) -> None:
    revision = await changes.put_policy(nearby(), SYSTEM)

    with pytest.raises(InvalidChangeError, match="policy `nearby`: test `from his region`: wanted allow") as caught:
        await changes.put_policy(nearby(when="resource.region != user.region", tests=None), SYSTEM)

    assert caught.value.field == "tests"
    assert len(caught.value.details["failing"]) == 1
    assert await changes.put_policy(nearby(), SYSTEM) == revision, "it is as it was"


async def test_a_policy_that_says_nothing_of_tests_keeps_them_and_an_empty_list_takes_them_away(
    changes: PermissionChanges,
) -> None:
    await changes.put_policy(nearby(), SYSTEM)
    await changes.put_policy(nearby(tests=None, description="still tested"), SYSTEM)
    kept = await stored()
    assert kept is not None
    assert (kept.tests, kept.description) == ([NEARBY], "still tested")

    await changes.put_policy(nearby(tests=[]), SYSTEM)
    await changes.put_policy(nearby(tests=None, when="false"), SYSTEM)


@pytest.mark.parametrize("mode", list(PolicyMode))
async def test_a_policy_is_tested_as_if_it_counted(changes: PermissionChanges, mode: PolicyMode) -> None:
    await changes.put_policy(nearby(mode=mode), SYSTEM)

    with pytest.raises(InvalidChangeError):
        await changes.put_policy(nearby(mode=mode, when="false"), SYSTEM)


async def test_other_rules_take_part_in_a_test(changes: PermissionChanges) -> None:
    freeze = Policy(id="freeze", effect=GrantEffect.DENY, actions=["conversation:*"])
    await changes.put_policy(freeze, SYSTEM)

    with pytest.raises(InvalidChangeError, match="it is denied by policy freeze"):
        await changes.put_policy(nearby(), SYSTEM)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": ""}, "1 to 200 characters"),
        ({"action": "conversation:fly"}, "unknown action"),
        ({"action": "conversation:*"}, "a pattern of actions"),
        ({"subject": CaseSubject(roles=["king"])}, "unknown role `king`"),
        ({"strategy": "luck"}, "unknown strategy"),
        ({"environment": {"$where": "1"}}, "begins with `\\$`"),
        ({"at": datetime(2026, 3, 2)}, "no offset from UTC"),  # noqa: DTZ001
        ({"decided_by": ["policy other"]}, "wanted it decided by policy other"),
    ],
)
async def test_a_test_that_can_not_be_meant_is_refused(
    changes: PermissionChanges, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidChangeError, match=words):
        await changes.put_policy(nearby(tests=[NEARBY.model_copy(update=fields)]), SYSTEM)
    assert await stored() is None


async def test_two_tests_of_one_name_and_far_too_many_are_refused(changes: PermissionChanges) -> None:
    with pytest.raises(InvalidChangeError, match="two tests `from his region`"):
        await changes.put_policy(nearby(tests=[NEARBY, NEARBY]), SYSTEM)
    many = [NEARBY.model_copy(update={"name": str(number)}) for number in range(201)]
    with pytest.raises(InvalidChangeError, match="more than 200"):
        await changes.put_policy(nearby(tests=many), SYSTEM)


async def test_tests_given_with_a_change_must_pass_on_what_it_makes(changes: PermissionChanges) -> None:
    denied = NEARBY.model_copy(update={"effect": GrantEffect.DENY, "decided_by": None})

    with pytest.raises(InvalidChangeError, match="wanted deny, but it is allowed by policy nearby"):
        await changes.put([nearby()], SYSTEM, tests=[denied])
    assert await stored() is None
    await changes.put([nearby()], SYSTEM, tests=[NEARBY])


async def test_a_policy_is_promoted_as_it_was_seen_only(changes: PermissionChanges) -> None:
    await changes.put_policy(nearby(mode=PolicyMode.SHADOW), SYSTEM)
    seen = await stored()
    assert seen is not None
    await changes.put_policy(nearby(mode=PolicyMode.SHADOW, description="another"), SYSTEM)

    with pytest.raises(ConflictingError, match="has changed since"):
        await changes.promote_policy(seen, SYSTEM)

    seen = await stored()
    assert seen is not None
    await changes.promote_policy(seen, SYSTEM)
    promoted = await stored()
    assert promoted is not None
    assert (promoted.mode, promoted.tests) == (PolicyMode.ENFORCE, [NEARBY])
