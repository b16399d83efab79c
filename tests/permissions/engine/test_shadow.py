"""Shadow policies: judged beside each decision they speak of, and never enforced."""

import pytest

from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.decision import Decision
from permissions.engine.facts import Assignment, Env, Resource, Subject
from permissions.engine.rulebook import Grant, Policy, Role
from permissions.engine.rules import Effect
from permissions.engine.snapshot import Snapshot
from tests.permissions.worlds import NOON

ROLES = [Role("reader", grants=(Grant(Effect.ALLOW, "report:read"),)), Role("idler")]
FREEZE = Policy("freeze", Effect.DENY, ("report:*",))
OPEN = Policy("open", Effect.ALLOW, ("report:read",))
TRUST = Policy("trust", Effect.ALLOW, ("report:read",), when='user.team == "red"')


def decide(*shadows: Policy, role: str = "reader", strategy: ConflictStrategy | None = None) -> Decision:
    subject = Subject("ann", (Assignment(role),))
    world = Snapshot(ROLES, shadows=shadows)
    return world.decide(subject, "report:read", Resource("report", "q1"), Env(NOON), strategy)


def test_a_shadow_denial_does_not_deny_but_is_noted() -> None:
    decision = decide(FREEZE)
    assert decision
    assert decision.decided_by == ("role reader: allow report:read",)
    assert decision.shadow == ("freeze",)


def test_a_shadow_permit_does_not_permit_but_is_noted() -> None:
    decision = decide(OPEN, role="idler")
    assert not decision
    assert decision.shadow == ("open",)


def test_a_shadow_policy_that_would_change_nothing_is_not_noted() -> None:
    assert decide(OPEN).shadow == ()
    assert decide(FREEZE, role="idler").shadow == ()


def test_each_shadow_policy_is_judged_by_itself() -> None:
    assert decide(FREEZE, OPEN, Policy("stop", Effect.DENY, ("*",))).shadow == ("freeze", "stop")


def test_a_shadow_permit_that_can_not_be_judged_turns_nothing_round_as_if_it_were_enforced() -> None:
    assert decide(TRUST, role="idler").shadow == ()


@pytest.mark.parametrize(
    ("strategy", "turned"),
    [
        (ConflictStrategy.DENY_OVERRIDES, ("freeze",)),
        (ConflictStrategy.MOST_PERMISSIVE, ()),
        (ConflictStrategy.MOST_RESTRICTIVE, ("freeze",)),
        (ConflictStrategy.PRIORITY, ("freeze",)),
    ],
)
def test_a_shadow_policy_is_weighed_as_the_strategy_would(strategy: ConflictStrategy, turned: tuple[str, ...]) -> None:
    decision = decide(FREEZE, strategy=strategy)
    assert decision.shadow == turned
    subject = Subject("ann", (Assignment("reader"),))
    enforced = Snapshot(ROLES, [FREEZE]).decide(subject, "report:read", Resource("report", "q1"), Env(NOON), strategy)
    assert (enforced.effect is not decision.effect) is bool(turned)


def test_shadow_policies_leave_lists_alone() -> None:
    world = Snapshot(ROLES, shadows=[FREEZE])
    assert world.scopes(Subject("ann", (Assignment("reader"),)), "report:read", "report", Env(NOON)) == ({},)


def test_a_snapshot_with_other_rules_keeps_its_shadows() -> None:
    assert Snapshot(ROLES, shadows=[FREEZE]).changed(policies=[OPEN]).shadows == (FREEZE,)
