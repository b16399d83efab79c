"""When rights may change by themselves: never sooner than is said; which conditions look at the time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permissions.engine.cel.compile import compiled
from permissions.engine.facts import Assignment, Share, Subject
from permissions.engine.rulebook import Grant, Policy, Role
from permissions.engine.rules import Effect
from permissions.engine.schema import Schema
from permissions.engine.snapshot import Snapshot
from permissions.engine.times import looks_at_time, next_turn
from permissions.engine.windows import Window

ANYTHING = Schema(open=frozenset({"user", "resource", "env"}), shares=True)
NOON = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
"""Half an hour before the clocks change in Berlin."""
MINUTES = st.integers(-180, 180).map(lambda minutes: NOON + timedelta(minutes=minutes, seconds=minutes % 7))
WINDOWS = [None, "SU 01:00-03:00 Europe/Berlin", "SA-SU 23:30-00:45 UTC"]
ASSIGNMENTS = st.builds(
    Assignment,
    st.sampled_from(["a", "b", "c"]),
    st.none() | MINUTES,
    st.none() | MINUTES,
    st.none() | MINUTES,
    st.sampled_from(WINDOWS).map(lambda text: text and Window.parse(text)),
)
SHARES = st.builds(Share, st.just("user:u"), st.booleans(), MINUTES)


@given(st.lists(ASSIGNMENTS, max_size=4), st.lists(SHARES, max_size=2), MINUTES, st.integers(0, 400))
def test_until_then_the_same_roles_are_held_and_the_same_shares_hold(
    assignments: list[Assignment], shares: list[Share], at: datetime, minutes: int
) -> None:
    subject = Subject("u", tuple(assignments))
    turn = next_turn(subject, shares, at)
    assert turn is None or turn > at
    later = at + timedelta(minutes=minutes)
    if turn is not None:
        later = min(later, turn - timedelta(milliseconds=1))
    assert subject.roles_at(later) == subject.roles_at(at)
    assert [later < share.until for share in shares] == [at < share.until for share in shares]


@pytest.mark.parametrize(
    ("text", "moves"),
    [
        ('user.region == "EMEA"', False),
        ('env.ip == "192.0.2.1" || shared("read")', False),
        ('env.device == "phone"', False),
        ("env.session_age < 900", True),
        ("env.unheard_of == 1", True),
        ('env.time < timestamp("2030-01-01T00:00:00Z")', True),
        ('has(user.a) && !(env.time.getHours("Europe/Berlin") >= 9 && true)', True),
        ("user.list.exists(e, e == user.a || env.session_age > 3)", True),
        ("has(env.session_age)", True),
        ("resource.a < env.session_age + user.b", True),
        ('resource.owner_id == user.id ? true : env.time > timestamp("2030-01-01T00:00:00Z")', True),
    ],
)
def test_a_condition_that_looks_at_the_time_is_known(text: str, moves: bool) -> None:
    assert looks_at_time(compiled(text, ANYTHING)) is moves


def test_who_is_concerned_by_time_hangs_on_roles_and_actions() -> None:
    timed = Grant(Effect.ALLOW, "message:read", "env.session_age < 60")
    roles = [Role("plain", grants=(Grant(Effect.ALLOW, "message:read"),)), Role("timed", grants=(timed,))]
    snapshot = Snapshot([*roles, Role("heir", inherits=("timed",))])
    assert [snapshot.moves((role,), ["message:read"]) for role in ("plain", "timed", "heir")] == [False, True, True]
    assert not snapshot.moves(("heir",), ["conversation:read"])
    assert [snapshot.moves_at_all((role,)) for role in ("plain", "timed", "heir")] == [False, True, True]
    policy = Policy("nights", Effect.DENY, ("*",), unless="env.session_age < 60")
    assert snapshot.changed(policies=[policy]).moves((), ["conversation:read"])
    assert snapshot.changed(policies=[policy]).moves_at_all(())
