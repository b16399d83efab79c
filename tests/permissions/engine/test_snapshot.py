"""Decisions as values, and what a snapshot can tell before it knows the resource."""

import pytest

from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.errors import ActionPatternError, UnlistableError
from permissions.engine.facts import Assignment, Env, Resource, Subject
from permissions.engine.filters import Fields
from permissions.engine.rulebook import Grant, Policy, Role
from permissions.engine.rules import Effect, Outcome
from permissions.engine.snapshot import Conventions, Snapshot
from tests.permissions.worlds import NOON

ENV = Env(NOON)
OWN = "resource.owner_id == user.id"
ALICE = Subject("alice", (Assignment("analyst"),))
SNAPSHOT = Snapshot(
    [Role("analyst", grants=(Grant(Effect.ALLOW, "report:read"), Grant(Effect.DENY, "report:drop")))],
    [Policy("own", Effect.ALLOW, ("page:*",), when=OWN)],
    revision="7",
    conventions=Conventions({}, {"page": Fields({"owner_id": "owner"})}),
)


def test_a_decision_is_a_value_that_explains_itself() -> None:
    decision = SNAPSHOT.decide(ALICE, "page:read", Resource("page", "1", {"owner_id": "bob"}), ENV)

    assert not decision
    assert (decision.effect, decision.explicit, decision.decided_by) == (Effect.DENY, False, ())
    assert (decision.at, decision.revision, decision.subject_id) == (NOON, "7", "alice")
    assert decision.reason == "denied: no rule allows it"
    assert [(reason.rule.id, reason.outcome) for reason in decision.reasons] == [("policy own", Outcome.NOT_MET)]
    assert decision.reasons[0].detail == "resource.owner_id == user.id ('bob' == 'alice')"
    assert decision.id == decision.id


def test_each_decision_has_an_id_of_its_own() -> None:
    page = Resource("page", "1", {"owner_id": "alice"})

    assert len({SNAPSHOT.decide(ALICE, "page:read", page, ENV).id for _ in range(10)}) == 10


def test_an_allowance_names_its_rule() -> None:
    decision = SNAPSHOT.decide(ALICE, "report:read", Resource("report"), ENV)

    assert decision
    assert decision.reason == "allowed by role analyst: allow report:read"


def test_scopes_are_all_or_nothing_or_filters_on_stored_fields() -> None:
    def scopes(action: str) -> tuple[object, ...]:
        return SNAPSHOT.scopes(ALICE, action, action.partition(":")[0], ENV)

    assert scopes("report:read") == ({},)
    assert scopes("report:drop") == scopes("report:write") == ()
    assert scopes("page:read") == ({"owner": {"$eq": "alice", "$type": ["string"], "$not": {"$type": "array"}}},)


def test_what_depends_on_the_resource_is_foreseen_as_possible() -> None:
    own = SNAPSHOT.foresee(ALICE, "page:read", "page", ENV)
    dropped = SNAPSHOT.foresee(ALICE, "report:drop", "report", ENV)

    assert own
    assert [reason.outcome for reason in own.reasons] == [Outcome.OPEN]
    assert not dropped
    assert dropped.decided_by == ("role analyst: deny report:drop",)


def test_each_type_of_resource_may_have_its_own_strategy() -> None:
    roles = [Role("a", grants=(Grant(Effect.ALLOW, "*"), Grant(Effect.DENY, "*")))]
    lenient = Conventions({"page": ConflictStrategy.MOST_PERMISSIVE}, {})
    snapshot = Snapshot(roles, conventions=lenient)
    subject = Subject("x", (Assignment("a"),))

    assert snapshot.decide(subject, "page:read", Resource("page"), ENV)
    assert not snapshot.decide(subject, "report:read", Resource("report"), ENV)
    assert not snapshot.decide(subject, "page:read", Resource("page"), ENV, ConflictStrategy.PRIORITY)


@pytest.mark.parametrize("pattern", ["", "read", "page:", ":read", "page:read:own", "*:read", "Page:read", "page:re*"])
def test_a_pattern_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(ActionPatternError):
        Snapshot([Role("a", grants=(Grant(Effect.ALLOW, pattern),))])


def test_plans_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("permissions.engine.snapshot.PLANS", 3)
    snapshot = Snapshot([Role("analyst", grants=(Grant(Effect.ALLOW, "page:read"),))])

    for n in range(10):
        assert not snapshot.decide(ALICE, f"page:act{n}", Resource("page"), ENV)
    assert snapshot.decide(ALICE, "page:read", Resource("page"), ENV)


@pytest.mark.parametrize("effect", Effect)
def test_what_no_filter_can_say_is_foreseen_as_possible_and_lists_nothing(effect: Effect) -> None:
    policy = Policy("within", effect, ("report:read",), when="resource.level <= resource.limit")
    everybody = Policy("all", Effect.ALLOW, ("report:read",))
    snapshot = Snapshot(policies=[policy] if effect is Effect.ALLOW else [policy, everybody])

    def may_read(level: int) -> bool:
        resource = Resource("report", "1", {"level": level, "limit": 2})
        return bool(snapshot.decide(ALICE, "report:read", resource, ENV))

    assert may_read(1) is not may_read(3)
    assert snapshot.foresee(ALICE, "report:read", "report", ENV)
    with pytest.raises(UnlistableError, match="`report:read`"):
        snapshot.scopes(ALICE, "report:read", "report", ENV)


def test_what_no_filter_can_say_hurts_no_list_where_it_cannot_matter() -> None:
    silent = 'user.region == "EMEA" && resource.level <= resource.limit'
    policies = [Policy("own", Effect.ALLOW, ("report:read",)), Policy("no", Effect.DENY, ("report:read",), when=silent)]
    elsewhere = Subject("bob", attributes={"region": "APAC"})

    assert Snapshot(policies=policies).scopes(elsewhere, "report:read", "report", ENV) == ({},)


def test_of_thousands_of_roles_only_those_that_speak_of_an_action_are_asked() -> None:
    roles = [
        Role("low", grants=(Grant(Effect.ALLOW, "page:*"),)),
        *(Role(f"r{n}", (f"r{n - 1}" if n else "low",), (Grant(Effect.ALLOW, f"t{n}:read"),)) for n in range(3_000)),
    ]
    snapshot = Snapshot([*roles, Role("analyst", ("r2999",), (Grant(Effect.DENY, "*"),))])

    assert snapshot.compiled.speaking("page:read") == {"low", "analyst"}
    assert snapshot.compiled.speaking("t7:read", ("t7:all",)) == {"r7", "analyst"}
    assert [rule.id for rule in snapshot.plan(("analyst",), "page:read").rules] == [
        "role analyst: deny *",
        "role low: allow page:*",
    ]


def test_what_stays_is_not_compiled_again() -> None:
    analyst, guest = (Role(name, grants=(Grant(Effect.ALLOW, "page:read"),)) for name in ("analyst", "guest"))
    kept, dropped = (Policy(name, Effect.ALLOW, ("page:read",), when=OWN) for name in ("kept", "dropped"))
    before = Snapshot([analyst, guest], [kept, dropped])

    without = before.changed(policies=[kept])
    other = Snapshot([analyst, Role("guest", grants=(Grant(Effect.DENY, "page:read"),))], [kept], like=before)

    old = {rule.id: rule for rule in before.plan(("analyst", "guest"), "page:read").rules}
    for snapshot in (without, other):
        new = {rule.id: rule for rule in snapshot.plan(("analyst", "guest"), "page:read").rules}
        assert all(old[name] is rule for name, rule in new.items() if name in old)
        assert "policy dropped" not in new
    assert not other.decide(Subject("x", (Assignment("guest"),)), "page:read", Resource("page"), ENV)
