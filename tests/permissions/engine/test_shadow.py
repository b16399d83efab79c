"""Shadow policies: judged beside each decision they speak of, and never enforced."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from permissions.access import Access
from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.decision import Decision
from permissions.engine.facts import Assignment, Env, Resource, Subject
from permissions.engine.filters import Fields
from permissions.engine.rulebook import Grant, Policy, Role
from permissions.engine.rules import Effect
from permissions.engine.snapshot import Conventions, Snapshot
from tests.permissions import hostile
from tests.permissions.worlds import NOON

ROLES = [Role("reader", grants=(Grant(Effect.ALLOW, "report:read"),)), Role("idler")]
FREEZE = Policy("freeze", Effect.DENY, ("report:*",))
OPEN = Policy("open", Effect.ALLOW, ("report:read",))
TRUST = Policy("trust", Effect.ALLOW, ("report:read",), when='user.team == "red"')

DOCUMENTS = hostile.documents(0)[::9]


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


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    snapshot=hostile.snapshots,
    shadows=st.lists(hostile.policies, min_size=2, max_size=3),
    subject=hostile.subjects,
    env=hostile.environments,
    strategy=hostile.strategies,
)
def test_what_several_would_turn_round_together_one_of_them_would_alone(
    snapshot: Snapshot, shadows: list[Policy], subject: Subject, env: Env, strategy: ConflictStrategy
) -> None:
    """So it is enough to judge each by itself, and nobody is surprised by promoting two."""
    several = [replace(each, name=f"s{n}") for n, each in enumerate(shadows)]
    watched = Snapshot(snapshot.roles.values(), snapshot.policies, shadows=several)
    enforced = snapshot.changed(policies=[*snapshot.policies, *several])
    for document in DOCUMENTS:
        asked = (subject, "conversation:read", hostile.resource(document), env, strategy)
        decision = watched.decide(*asked)
        if enforced.decide(*asked).effect is not decision.effect:
            assert decision.shadow


LISTING = Conventions({}, {"report": Fields({"id": "_id"})})


@pytest.mark.parametrize(
    ("shadows", "ahead", "listed"),
    [
        ((FREEZE,), ("freeze",), ("freeze",)),
        ((Policy("own", Effect.DENY, ("report:read",), unless="resource.owner == user.id"),), (), ("own",)),
        ((Policy("never", Effect.DENY, ("report:read",), when="1 == 2"),), (), ()),
        ((OPEN,), (), ()),
        ((Policy("other", Effect.DENY, ("report:write",)),), (), ()),
    ],
)
def test_what_would_change_a_list_is_told_of_the_list(
    shadows: tuple[Policy, ...], ahead: tuple[str, ...], listed: tuple[str, ...]
) -> None:
    world, ann = Snapshot(ROLES, shadows=shadows, conventions=LISTING), Subject("ann", (Assignment("reader"),))
    assert world.foresee(ann, "report:read", "report", Env(NOON)).shadow == ahead
    found = world.foresee_list(ann, "report:read", "report", Env(NOON))
    assert (found.shadow if found else ()) == listed
    assert world.scopes(ann, "report:read", "report", Env(NOON)) == ({},)
    enforced = Snapshot(ROLES, shadows, conventions=LISTING).scopes(ann, "report:read", "report", Env(NOON))
    assert (enforced != ({},)) is bool(listed)


def test_a_request_notes_once_what_would_change_its_list() -> None:
    own = Policy("own", Effect.DENY, ("report:read",), unless="resource.owner == user.id")
    world = Snapshot(ROLES, shadows=[own], conventions=LISTING)
    access = Access(world, Subject("ann", (Assignment("reader"),)), Env(NOON))
    for _ in range(3):
        access.scopes("report:read", "report")
    (noted,) = access.takings().allowed
    assert (noted.ahead, noted.decision.shadow) == (True, ("own",))
    assert not access.takings()
