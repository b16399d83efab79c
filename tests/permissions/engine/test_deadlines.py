"""When a condition may say something else: never sooner than is said, and seldom later than it must be looked at."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permissions.engine.cel.compile import compiled
from permissions.engine.deadlines import INSTANT, SECOND, next_look
from permissions.engine.facts import Env, Facts, Resource, Subject
from permissions.engine.schema import Schema
from permissions.engine.windows import Window

ANYTHING = Schema(open=frozenset({"user", "resource", "env"}), shares=True)
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
SHOWN = NOON.isoformat()
TEXTS = (
    f'env.time < timestamp("{SHOWN}")',
    f'!(timestamp("{SHOWN}") >= env.time) || user.a == "b"',
    f'env.time == timestamp("{SHOWN}")',
    "env.time > user.since && env.time <= resource.until",
    "env.session_age < 60",
    "user.most > env.session_age || env.session_age > 90",
    "env.session_age >= 30.5 && env.session_age != 31",
    "env.session_age < 1e300",
    'user.a == "b" ? env.session_age > 45 : env.time < user.since',
    'env.time.getHours("Europe/Berlin") >= 9',
    "has(env.session_age)",
)
MILLISECONDS = st.integers(-100_000, 100_000).map(lambda number: NOON + timedelta(milliseconds=number))
OPENED = NOON - timedelta(seconds=70)


def facts(at: datetime, a: str, since: datetime) -> Facts:
    """Of a session that is as old as its token says: in whole seconds."""
    age = int(at.timestamp()) - int(OPENED.timestamp())
    user = {"a": a, "since": since, "most": 20}
    return Facts(Subject("u", (), user), (), Resource("x", "1", {"until": NOON}), Env(at, {"session_age": age}))


@given(st.sampled_from(TEXTS), MILLISECONDS, st.sampled_from("bc"), MILLISECONDS, st.integers(0, 200_000))
def test_until_then_a_condition_says_the_same(text: str, at: datetime, a: str, since: datetime, later: int) -> None:
    condition = compiled(text, ANYTHING)
    look = next_look(condition, facts(at, a, since))
    assert look is None or look > at
    moment = at + timedelta(milliseconds=later)
    if look is not None:
        moment = min(moment, look - INSTANT)
    test = condition.test()
    assert test(facts(moment, a, since)) == test(facts(at, a, since))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'env.time < timestamp("{SHOWN}")', NOON),
        ('env.time < timestamp("2026-01-01T00:00:00Z")', None),
        ("env.time > user.since", NOON + timedelta(hours=1)),
        ("env.session_age < 3600", OPENED + timedelta(seconds=3599)),
        ("env.session_age < 5", None),
        ('user.a == "b"', None),
        ('env.time.getHours("Europe/Berlin") >= 9', OPENED + timedelta(seconds=10) + SECOND),
        ('env.time - duration("1h") < user.since', OPENED + timedelta(seconds=10) + SECOND),
        ("env.session_age + 1 < 60", OPENED + timedelta(seconds=10) + SECOND),
        ("env.time < user.a", OPENED + timedelta(seconds=10) + SECOND),
        ("env.unheard_of == 1", OPENED + timedelta(seconds=10) + SECOND),
    ],
)
def test_what_is_compared_with_something_fixed_is_foreseen(text: str, expected: Any) -> None:
    at = OPENED + timedelta(seconds=10)
    schema = Schema(open=frozenset({"user", "resource", "env"}))
    assert next_look(compiled(text, schema), facts(at, "b", NOON + timedelta(hours=1))) == expected


WINDOWS = (
    "SU 01:00-03:00 Europe/Berlin",
    "SA-SU 23:30-00:45 UTC",
    "MO-FR 09:00-17:00 America/St_Johns; SA 10:00-24:00 Australia/Lord_Howe",
)


@given(
    st.sampled_from(WINDOWS),
    st.sampled_from([datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC), NOON]),
    st.integers(0, 3 * 24 * 3600),
    st.integers(0, 26 * 60),
)
def test_until_then_a_window_is_as_it_is(text: str, start: datetime, seconds: int, minutes: int) -> None:
    window, at = Window.parse(text), start + timedelta(seconds=seconds)
    look = window.next_look(at)
    assert at < look <= at + timedelta(days=1)
    moment = min(at + timedelta(minutes=minutes), look - INSTANT)
    assert window.open(moment) == window.open(at)


def test_a_window_is_looked_at_when_it_opens_and_closes() -> None:
    window = Window.parse("TH 09:00-17:00 Europe/Berlin")
    assert window.next_look(NOON) == NOON.replace(hour=16)
    assert window.next_look(NOON.replace(hour=16)) == NOON.replace(hour=23)
    assert window.next_look(datetime.max.replace(tzinfo=UTC)) == datetime.max.replace(tzinfo=UTC)
