"""Nobody gives, or takes away, what he may not do himself."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from models.clock import now
from models.database import Database
from models.policy import Policy, PolicyMode
from models.resource_type import ResourceType
from models.role import Grant, Role, RoleAssignment
from models.user import User
from permissions.changes import SYSTEM, PermissionChanges
from permissions.errors import EscalationError, OutlastingError
from permissions.escalation import Clause, constant, expanded, includes, overlap, reads, uncovered
from permissions.resources import TYPES
from permissions.store import PermissionStore
from tests.permissions.people import ALLOW, DENY, by, give, given, person, role
from tests.seeds import Seeds, demo_rules

OWN, NEAR = "resource.owner_id == user.id", "user.region == resource.region"


def allow(pattern: str, condition: str | None = None) -> Clause:
    return Clause(False, pattern, condition)


def deny(pattern: str, condition: str | None = None) -> Clause:
    return Clause(True, pattern, condition)


@pytest.mark.parametrize(
    ("own", "changed", "beyond"),
    [
        ([], [], []),
        ([], [allow("user:read")], ["user:read"]),
        ([allow("user:read")], [allow("user:read")], []),
        ([allow("user:*")], [allow("user:read"), allow("user:*")], []),
        ([allow("user:read")], [allow("user:*")], ["user:*"]),
        ([allow("user:*")], [allow("*")], ["*"]),
        ([allow("user:*")], [allow("users:read")], ["users:read"]),
        # Conditions: covered by none, or by the same; a condition is never weighed.
        ([allow("user:read")], [allow("user:read", NEAR)], []),
        ([allow("user:read", NEAR)], [allow("user:read", NEAR)], []),
        ([allow("user:*", NEAR)], [allow("user:read", NEAR)], []),
        ([allow("user:read", NEAR)], [allow("user:read")], ["user:read"]),
        ([allow("user:read", NEAR)], [allow("user:read", OWN)], ["user:read"]),
        ([allow("*", NEAR)], [allow("user:read")], ["user:read"]),
        # What one is denied one has not, not even in part or under a condition.
        ([allow("user:read"), deny("user:read")], [allow("user:read")], ["user:read"]),
        ([allow("user:*"), deny("user:read", NEAR)], [allow("user:*")], ["user:*"]),
        ([allow("user:*"), deny("user:read", NEAR)], [allow("user:list")], []),
        ([allow("user:read"), deny("*", NEAR)], [allow("user:read")], ["user:read"]),
        # Denials of others: as what they deny.
        ([allow("user:read")], [deny("user:read")], []),
        ([allow("user:read")], [deny("user:*")], ["user:*"]),
        ([], [deny("user:read", NEAR)], ["user:read"]),
        # Who may do everything is above it.
        ([allow("*"), deny("user:read")], [allow("*"), allow("user:read"), deny("*")], []),
    ],
)
def test_what_one_may_not_touch(own: list[Clause], changed: list[Clause], beyond: list[str]) -> None:
    assert uncovered(own, changed) == beyond


@pytest.mark.parametrize(
    ("wide", "narrow", "included", "overlapping"),
    [
        ("*", "user:read", True, True),
        ("*", "*", True, True),
        ("user:*", "user:read", True, True),
        ("user:*", "*", False, True),
        ("user:read", "user:*", False, True),
        ("user:read", "user:list", False, False),
        ("user:*", "role:*", False, False),
    ],
)
def test_patterns(wide: str, narrow: str, included: bool, overlapping: bool) -> None:
    assert includes(wide, narrow) is included
    assert overlap(wide, narrow) is overlap(narrow, wide) is overlapping


def test_a_level_is_its_actions() -> None:
    assert expanded("role:read_write", TYPES) == ("role:read", "role:write")
    assert [expanded(each, TYPES) for each in ("role:read", "role:*", "*")] == [("role:read",), ("role:*",), ("*",)]


def test_what_a_condition_reads() -> None:
    assert reads(allow("user:read", NEAR), ["region"])
    assert not reads(allow("user:read", NEAR), ["clearance", "reg"])
    assert not reads(allow("user:read", OWN), ["region"])
    assert reads(allow("user:read", 'user["region"] == 1'), ["clearance"]), "it may be any"
    assert not reads(allow("user:read"), ["region"])
    assert constant(deny("*"))
    assert constant(deny("*", "1 == 1"))
    assert not constant(deny("*", "env.ip == '10.0.0.1'"))


@pytest.fixture
async def changes(database: Database, seeds: Seeds) -> PermissionChanges:
    """The demo's roles, a super admin, and a type that other services use."""
    await seeds.sow(database, escalating)
    return PermissionChanges(PermissionStore())


async def escalating() -> None:
    await demo_rules()
    changes = PermissionChanges(PermissionStore())
    await changes.put_resource_type(ResourceType(id="vault", actions=["open"]), SYSTEM)
    await changes.put_policy(Policy(id="closed", effect=DENY, actions=["vault:open"], mode=PolicyMode.ENFORCE), SYSTEM)
    writer = role("writer", "role:*", "policy:*", "user:*")
    writer.grants.append(Grant(action="conversation:read", condition=_nearby(await Role.find_all().to_list())))
    await changes.put([writer, role("nothing")], SYSTEM)
    await give(changes, await person("root"), "super_admin")


def _nearby(roles: list[Role]) -> Any:
    """A condition that the demo uses, as it is stored."""
    (senior,) = (each for each in roles if each.id == "senior_analyst")
    return next(grant.condition for grant in senior.grants if grant.condition is not None)


Change = Callable[[PermissionChanges, User, User], Awaitable[int]]
BY_ADMIN: dict[str, tuple[Change, bool]] = {
    "gives a smaller role": (lambda c, me, you: c.assign(given(you, "senior_analyst"), by(me)), True),
    "gives his own": (lambda c, me, you: c.assign(given(you, "admin"), by(me)), True),
    "gives one that only denies what he may": (lambda c, me, you: c.assign(given(you, "report_viewer"), by(me)), True),
    "gives more than he has": (lambda c, me, you: c.assign(given(you, "super_admin"), by(me)), False),
    "takes it himself": (lambda c, me, you: c.assign(given(me, "super_admin"), by(me)), False),
    "gives one with what he has not": (lambda c, me, you: c.assign(given(you, "writer"), by(me)), False),
    "raises a clearance": (lambda c, me, you: c.set_attributes(you.id, {"clearance": 9}, by(me)), True),
}
BY_WRITER: dict[str, tuple[Change, bool]] = {
    "writes what he may": (lambda c, me, you: c.put_role(role("r", "user:read", "role:*"), by(me)), True),
    "writes more": (lambda c, me, you: c.put_role(role("r", "message:read"), by(me)), False),
    "inherits more": (lambda c, me, you: c.put_role(role("r", inherits=("admin",)), by(me)), False),
    "inherits nothing": (lambda c, me, you: c.put_role(role("r", inherits=("nothing",)), by(me)), True),
    "weakens one above him": (lambda c, me, you: c.update_role("super_admin", {"grants": []}, by(me)), False),
    "denies others what he has not": (lambda c, me, you: c.put_role(role("r", denied=("audit:read",)), by(me)), False),
    "renumbers one above him": (lambda c, me, you: c.update_role("admin", {"priority": 99}, by(me)), False),
    "describes one above him": (lambda c, me, you: c.update_role("admin", {"description": "boss"}, by(me)), True),
    "allows everybody what he has not": (
        lambda c, me, you: c.put_policy(Policy(id="p", effect=ALLOW, actions=["audit:read"]), by(me)),
        False,
    ),
    "allows everybody what he has": (
        lambda c, me, you: c.put_policy(Policy(id="p", effect=ALLOW, actions=["user:list"]), by(me)),
        True,
    ),
    "only tries what he has not": (
        lambda c, me, you: c.put_policy(
            Policy(id="p", effect=ALLOW, actions=["audit:read"], mode=PolicyMode.SHADOW), by(me)
        ),
        True,
    ),
    "lifts a denial": (
        lambda c, me, you: c.put_policy(
            Policy(id="closed", effect=DENY, actions=["vault:open"], mode=PolicyMode.OFF), by(me)
        ),
        False,
    ),
    "turns how conflicts end": (
        lambda c, me, you: c.put_resource_type(
            ResourceType(id="vault", actions=["open"], strategy="most_permissive"), by(me)
        ),
        False,
    ),
    "raises his clearance": (
        lambda c, me, you: c.set_attributes(me.id, {"clearance": 9, "region": "EMEA"}, by(me)),
        False,
    ),
    "changes what no rule reads": (lambda c, me, you: c.set_attributes(me.id, {"desk": 9}, by(me)), True),
    "closes the account of one above him": (lambda c, me, you: c.set_disabled(you.id, True, by(me)), False),
}


@pytest.mark.parametrize(
    ("holding", "what", "make", "allowed"),
    [
        *(("admin", what, *case) for what, case in BY_ADMIN.items()),
        *(("writer", what, *case) for what, case in BY_WRITER.items()),
    ],
)
async def test_no_escalation(changes: PermissionChanges, holding: str, what: str, make: Change, allowed: bool) -> None:
    me, you = await person("me"), await person("you")
    await give(changes, me, holding)
    if "above him" in what:
        await give(changes, you, "super_admin")
    if allowed:
        await make(changes, me, you)
        return
    with pytest.raises(EscalationError) as refused:
        await make(changes, me, you)
    assert refused.value.beyond
    assert not refused.value.decision
    assert refused.value.decision.decided_by == ("no escalation",)


async def test_who_may_not_give_a_role_may_not_take_it_away(changes: PermissionChanges) -> None:
    me, you = await person("me"), await person("you")
    await give(changes, me, "admin")
    above, below = await give(changes, you, "super_admin", "analyst")

    await changes.end_assignment(below.id, by(me))
    with pytest.raises(EscalationError, match=r"`\*`"):
        await changes.end_assignment(above.id, by(me))


async def test_what_was_taken_from_the_changer_counts_at_once(changes: PermissionChanges) -> None:
    me, you = await person("me"), await person("you")
    (mine,) = await give(changes, me, "admin")
    await changes.end_assignment(mine.id, SYSTEM)

    with pytest.raises(EscalationError):
        await changes.assign(given(you, "senior_analyst"), by(me))
    with pytest.raises(EscalationError):
        await PermissionChanges(PermissionStore()).assign(given(you, "senior_analyst"), by(me))


SOON, LATER = now() + timedelta(hours=1), now() + timedelta(hours=2)
OFFICE = "MO-SU 00:00-24:00 Europe/Berlin"
Times = dict[str, Any]


@pytest.mark.parametrize(
    ("own", "wanted", "allowed"),
    [
        ([{}], {}, True),
        ([{}], {"valid_until": SOON}, True),
        ([{"valid_until": SOON}], {"valid_until": SOON}, True),
        ([{"valid_until": SOON}], {"valid_until": SOON - timedelta(minutes=1)}, True),
        ([{"valid_until": SOON}], {"valid_until": LATER}, False),
        ([{"valid_until": SOON}], {}, False),
        ([{"valid_until": SOON}], {"valid_from": LATER}, False),
        ([{"valid_until": SOON}, {"valid_until": LATER}], {"valid_until": LATER}, True),
        ([{"valid_until": SOON}, {"valid_from": SOON}], {"valid_until": LATER}, False),  # not yet, and not proven
        ([{"window": OFFICE}], {"window": OFFICE}, True),
        ([{"window": OFFICE}], {"window": OFFICE, "valid_until": SOON}, True),
        ([{"window": OFFICE}], {}, False),
        ([{"window": OFFICE}], {"window": "MO-SU 00:00-24:00 UTC"}, False),
        ([{"window": OFFICE, "valid_until": SOON}], {"window": OFFICE}, False),
    ],
)
async def test_what_is_given_does_not_outlast_what_the_giver_may(
    changes: PermissionChanges, own: list[Times], wanted: Times, allowed: bool
) -> None:
    me, you = await person("me"), await person("you")
    for times in own:
        await changes.assign(given(me, "admin", **times), SYSTEM)

    if allowed:
        await changes.assign(given(you, "senior_analyst", **wanted), by(me))
        return
    with pytest.raises(OutlastingError, match="for longer, or at other hours") as refused:
        await changes.assign(given(you, "senior_analyst", **wanted), by(me))
    assert not refused.value.decision
    assert await RoleAssignment.find({"user_id": you.id}).count() == 0


async def test_who_is_admin_for_ten_minutes_does_not_make_himself_one_for_good(changes: PermissionChanges) -> None:
    me = await person("me")
    await changes.assign(given(me, "admin", valid_until=SOON), SYSTEM)

    for times in ({}, {"valid_until": LATER}, {"valid_from": SOON}, {"window": OFFICE}):
        with pytest.raises(OutlastingError):
            await changes.assign(given(me, "admin", **times), by(me))


async def test_what_everybody_may_for_good_may_be_given_for_good(changes: PermissionChanges) -> None:
    """A policy that allows holds for whoever gives."""
    me, you = await person("me"), await person("you")
    await changes.put([role("opener", "user:list")], SYSTEM)
    await changes.put_policy(Policy(id="all", effect=ALLOW, actions=["user:list"]), SYSTEM)
    await changes.assign(given(me, "admin", valid_until=SOON), SYSTEM)

    await changes.assign(given(you, "opener"), by(me))
