"""What would help, told for the worlds of the named cases: the engine has confirmed each of them."""

from datetime import UTC, datetime

import pytest

from permissions.engine.facts import Assignment
from permissions.engine.rulebook import Grant, Policy, Role
from permissions.engine.rules import Effect
from permissions.engine.snapshot import Snapshot
from permissions.questions.costs import MOST_POWER, power
from permissions.questions.fixes import Way
from permissions.questions.question import Question
from permissions.questions.remedies import remedies
from permissions.questions.sight import Sight
from permissions.questions.steps import (
    Assign,
    SetAttribute,
    SetCircumstance,
    Step,
    SwitchOff,
    Unassign,
    WaitUntil,
    World,
)
from tests.permissions.cases import load

CASES = {case.name: case for case in load()}


def world(name: str) -> World:
    case = CASES[name]
    return World(case.snapshot, Question(case.subject, case.action, case.resource, case.env, case.strategy))


def found(name: str, sight: Sight | None = None) -> list[Way]:
    return [each.steps for each in remedies(world(name), sight or Sight())]


def at(day: int, hour: int) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


IN_THE_OFFICE = SetCircumstance("ip", "10.0.0.1", "10.0.0.0/8")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("john/write_deny_overrides", [(Unassign("john", "report_viewer"),)]),
        ("john/write_most_restrictive", [(Unassign("john", "guest"), Unassign("john", "report_viewer"))]),
        ("alice/too_secret", [(SetAttribute("alice", "clearance", 3),)]),
        ("attributes/another_region", [(SetAttribute("alice", "region", "EMEA"),)]),
        ("attributes/attributes_without_the_role", [(Assign("nora", Assignment("analyst")),)]),
        ("attributes/just_before_nine_in_berlin", [(WaitUntil(at(2, 8)),)]),
        ("attributes/at_five_it_is_over", [(WaitUntil(at(3, 8)),)]),
        ("attributes/payroll_from_elsewhere", [(IN_THE_OFFICE,), (SwitchOff("office_network_only"),)]),
        ("attributes/no_level_more_at_home", [(IN_THE_OFFICE,), (SetAttribute("alice", "clearance_level", 3),)]),
        ("attributes/an_old_session", [(SetCircumstance("session_age", 900),), (SwitchOff("old_session"),)]),
        ("time/not_on_saturday", [(Assign("clerk", Assignment("analyst")),), (WaitUntil(at(9, 8)),)]),
        ("time/before_it_starts", [(WaitUntil(at(2, 9)),), (Assign("weeklong", Assignment("analyst")),)]),
        ("hierarchy/everything_but_what_is_denied", []),
        ("alice/missing_attribute_never_grants", []),
    ],
)
def test_the_smallest_changes_of_a_case(name: str, wanted: list[Way]) -> None:
    assert found(name) == wanted


def test_nothing_is_suggested_that_the_asker_may_not_see() -> None:
    name = "attributes/payroll_from_elsewhere"

    assert found(name, Sight(policies=False)) == [(IN_THE_OFFICE,)]
    assert found("attributes/attributes_without_the_role", Sight(roles=False)) == []
    assert found("hierarchy/guest_may_nothing", Sight(roles=False)) == []
    assert found(name, Sight(user=False)) == []
    assert found(name, Sight(resource=False)) == []


def test_several_conditions_are_met_together() -> None:
    near = "user.region == resource.region && user.clearance >= resource.clearance_required"
    roles = [Role("reader", grants=(Grant(Effect.ALLOW, "report:read", near),))]
    policies = [Policy("locked", Effect.DENY, ("report:*",), when="user.locked")]
    asked = world("alice/too_secret").question
    attributes = {"region": "US-West", "clearance": 1, "locked": True}
    asked = SetAttribute("alice", "region", "US-West").asked(asked)
    for attribute, value in attributes.items():
        asked = SetAttribute("alice", attribute, value).asked(asked)

    (first, *_) = remedies(World(Snapshot(roles, policies), asked))

    wanted: set[Step] = {
        Assign("alice", Assignment("reader")),
        SetAttribute("alice", "region", "EMEA"),
        SetAttribute("alice", "clearance", 3),
        SetAttribute("alice", "locked", False),
    }
    assert set(first.steps) == wanted


def test_a_thousand_roles_are_searched_within_bounds() -> None:
    """A wall of roles that grant, and of denials that are held."""
    roles = [Role(f"r{n}", grants=(Grant(Effect.ALLOW, "page:read", "resource.x == 1"),)) for n in range(1_000)]
    denials = [Policy(f"p{n}", Effect.DENY, ("page:*",)) for n in range(50)]
    question = world("hierarchy/guest_may_nothing").question

    assert remedies(World(Snapshot(roles, denials), question)) == []


def test_the_power_of_a_role_is_counted_no_further_than_it_weighs() -> None:
    chain = [
        Role(f"r{n}", (f"r{n - 1}",) if n else (), tuple(Grant(Effect.ALLOW, f"t{n}:a{each}") for each in range(3)))
        for n in range(500)
    ]
    snapshot = Snapshot([*chain, Role("boss", ("r0",), (Grant(Effect.ALLOW, "*"),))])

    assert [power(snapshot, role) for role in ("r0", "r1", "boss", "r499")] == [3, 6, 103, MOST_POWER]
