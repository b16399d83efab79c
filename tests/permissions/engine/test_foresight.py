"""What is remembered of decisions ahead is what would be decided now."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from permissions.engine import foresight
from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.facts import Assignment, Env, Subject
from permissions.engine.filters import Fields
from permissions.engine.rulebook import Grant, Policy, Role
from permissions.engine.rules import Effect
from permissions.engine.snapshot import Conventions, Snapshot
from tests.examples import FIXED
from tests.permissions import hostile
from tests.permissions.worlds import NOON

READ = "conversation:read"


def told(snapshot: Snapshot, subject: Subject, env: Env, strategy: ConflictStrategy | None) -> tuple[Any, ...]:
    decision = snapshot.foresee(subject, READ, "conversation", env, strategy)
    return decision.effect, decision.decided_by, decision.reasons, decision.shadow, decision.at


environments = st.builds(
    lambda env, days: Env(env.time + timedelta(days=days), env.attributes),
    hostile.environments,
    st.sampled_from([-400, -1, 0, 1, 400]),
)


@settings(max_examples=12 if FIXED else 100, deadline=None)
@given(
    snapshot=hostile.snapshots,
    subjects=st.lists(hostile.subjects, min_size=2, max_size=2),
    environments=st.lists(environments, min_size=3, max_size=3),
    strategy=hostile.strategies,
)
def test_what_is_remembered_is_what_somebody_finds_who_asks_for_the_first_time(
    snapshot: Snapshot, subjects: list[Subject], environments: list[Env], strategy: ConflictStrategy
) -> None:
    subjects = [*subjects, replace(subjects[0], attributes=subjects[1].attributes)]  # the same person, changed
    for env in environments:
        for subject in subjects:
            assert told(snapshot, subject, env, strategy) == told(snapshot.changed(), subject, env, strategy)


@pytest.mark.parametrize("text", ["env.time < timestamp('2026-06-01T00:00:00Z')", "env.ip == '10.0.0.1'"])
@pytest.mark.parametrize("unless", [False, True])
def test_nothing_is_remembered_that_hangs_on_the_circumstances(text: str, unless: bool) -> None:
    when = {"unless": f"!({text})"} if unless else {"when": text}
    ours = Snapshot(policies=[Policy("then and there", Effect.ALLOW, (READ,), **when)])
    ann = Subject("ann")
    before, after = (Env(datetime(2026, month, 1, tzinfo=UTC), {"ip": f"10.0.0.{month}"}) for month in (1, 8))

    assert [bool(ours.foresee(ann, READ, "conversation", env)) for env in (before, after, before)] == [
        True,
        False,
        True,
    ]


def test_a_decision_ahead_is_remembered_for_one_person_and_one_set_of_roles() -> None:
    ends = NOON + timedelta(hours=1)
    ours = Snapshot([Role("clerk", grants=(Grant(Effect.ALLOW, READ),))])
    ann, bob = Subject("ann", (Assignment("clerk", valid_until=ends),)), Subject("bob")

    assert ours.foresee(ann, READ, "conversation", Env(NOON))
    assert not ours.foresee(bob, READ, "conversation", Env(NOON))
    assert not ours.foresee(replace(ann, assignments=()), READ, "conversation", Env(NOON))
    assert not ours.foresee(ann, READ, "conversation", Env(ends))


def test_what_is_remembered_is_another_decision_each_time() -> None:
    ours = Snapshot([Role("clerk", grants=(Grant(Effect.ALLOW, READ),))], revision="7")
    ann = Subject("ann", (Assignment("clerk"),))
    times = [NOON, NOON + timedelta(days=1)]
    first, second = (ours.foresee(ann, READ, "conversation", Env(time)) for time in times)

    assert first.id != second.id
    assert [each.at for each in (first, second)] == times
    assert first.reasons is second.reasons, "remembered"


def test_that_something_may_be_shared_is_remembered_though_shares_end() -> None:
    policy = Policy("shared", Effect.ALLOW, (READ,), when='shared("read")')
    ours = Snapshot(policies=[policy], conventions=Conventions({}, {"conversation": Fields(shares=True)}))
    ann = Subject("ann")
    now, then = (told(ours, ann, Env(NOON + timedelta(days=days)), None) for days in (0, 400))

    assert now[0] is Effect.ALLOW
    assert now[2] is then[2], "remembered"
    assert then == told(ours.changed(), ann, Env(NOON + timedelta(days=400)), None)


def test_it_remembers_so_many_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foresight, "MOST", 3)
    ours = Snapshot([Role("clerk", grants=(Grant(Effect.ALLOW, READ),))])
    for number in range(10):
        assert ours.foresee(Subject(str(number), (Assignment("clerk"),)), READ, "conversation", Env(NOON))
        assert len(ours._foresight._kept) <= 3
