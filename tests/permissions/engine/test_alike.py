"""What is remembered of those who ask about one resource is what each would be told alone."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from permissions.engine import alike
from permissions.engine.decision import Decision
from permissions.engine.facts import Env, Resource, Share, Subject
from permissions.engine.rulebook import Policy
from permissions.engine.rules import Effect
from permissions.engine.snapshot import Snapshot
from tests.examples import examples
from tests.permissions.worlds import NOON

READ = "conversation:read"


def told(decision: Decision) -> tuple[Any, ...]:
    """All of it, with the words: in which somebody else's values must not stand."""
    reasons = [(each.rule.id, each.outcome, each.detail) for each in decision.reasons]
    return decision.subject_id, decision.effect, decision.decided_by, reasons, decision.shadow


TEXTS = [
    "user.a == resource.a",
    "user.a != user.b",
    "user.a >= resource.a && user.b < 3",
    "user.a in resource.a || resource.a in user.b",
    "has(user.a) && !has(user.b)",
    "user.a ? user.b == 1 : user.b",
    "user.a.startsWith('E') && size(user.b) > 1",
    "user.b.exists(each, each == user.a)",
    "user.a + 1 == resource.a",
    "user.id == resource.owner_id && user.a == 1",
    "'r0' in user.roles || user.a == resource.a",
    "env.a == user.a",
    "env.time < timestamp('2026-06-01T00:00:00Z') && user.a == 1",
    'shared("read") || user.b == resource.b',
]
ALL = Snapshot(policies=[Policy(f"{effect} {text}", effect, (READ,), text) for text in TEXTS for effect in Effect])
"""Compiled once."""
policies = st.lists(st.sampled_from(ALL.policies), min_size=1, max_size=5, unique=True)
plain = st.sampled_from([True, False, 0, 1, 1.0, 2, "1", "EMEA", "", None, [1], ["EMEA"], 2**70])
people = st.dictionaries(st.sampled_from(["a", "b"]), plain)


@settings(max_examples=examples(90), deadline=None)
@given(policies, st.lists(people, min_size=2, max_size=4), people, st.lists(people, min_size=1, max_size=2))
def test_who_asks_after_others_is_told_what_he_would_be_told_alone(
    rules: list[Policy], subjects: list[Any], attributes: Any, environments: list[Any]
) -> None:
    snapshot, forgetful = (Snapshot(policies=rules, like=ALL) for _ in range(2))
    share = Share("user:1", False, NOON.replace(year=2999))
    resource = Resource("conversation", "1", {**attributes, "owner_id": "0"}, (share,))
    crowd = [Subject(f"{place}", (), held) for place, held in enumerate([*subjects, *subjects])]
    for env in [Env(NOON, held) for held in environments]:
        for subject in [*crowd, *crowd]:
            alone = told(forgetful.decide(subject, READ, replace(resource), env))
            assert told(snapshot.decide(subject, READ, resource, env)) == alone


def asked(when: str, resource: Resource, *subjects: Subject) -> list[bool]:
    """Who may read it, asked one after the other, twice."""
    rules, env = Snapshot(policies=[Policy("p", Effect.ALLOW, (READ,), when=when)]), Env(NOON)
    first, again = ([bool(rules.decide(each, READ, resource, env)) for each in subjects] for _ in range(2))
    assert first == again
    return again


OURS = Resource("conversation", "1", {"owner": "ann", "level": 1})


@pytest.mark.parametrize(
    ("when", "others"),
    [
        ("user.level == resource.level", [True, 1.0, "1", None, [1], 2]),
        ("user.level in [1]", [2, None, "1"]),
        ("has(user.level)", []),
    ],
)
def test_values_that_python_takes_for_equal_are_not_taken_for_each_other(when: str, others: list[Any]) -> None:
    levels = [1, *others, 1]
    subjects = [Subject(f"{place}", attributes={"level": level}) for place, level in enumerate(levels)]
    alone = [asked(when, OURS, each)[0] for each in subjects]
    assert asked(when, OURS, *subjects, Subject("none")) == [*alone, *asked(when, OURS, Subject("none"))]
    assert asked(when, OURS, *reversed(subjects)) == alone[::-1]


@pytest.mark.parametrize("when", ["user.id == resource.owner", "user.id in ['ann']", 'shared("read")'])
def test_what_is_one_persons_own_is_not_remembered_for_another(when: str) -> None:
    resource = replace(OURS, shares=(Share("user:ann", False, NOON.replace(year=2999)),))
    names = ["bob", "ann", "bob", "cid", "ann"]
    assert asked(when, resource, *map(Subject, names)) == [name == "ann" for name in names]


def test_another_resource_of_the_same_name_is_another() -> None:
    rules = Snapshot(policies=[Policy("p", Effect.ALLOW, (READ,), when="user.level == resource.level")])
    ann, other = Subject("ann", attributes={"level": 1}), replace(OURS, attributes={"level": 2})
    asked_about = [OURS, OURS, OURS, other, other, OURS, other, OURS, OURS]
    answers = [bool(rules.decide(ann, READ, each, Env(NOON))) for each in asked_about]
    assert answers == [each is OURS for each in asked_about]


def test_no_more_is_kept_than_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alike, "MOST", 3)
    rules = Snapshot(policies=[Policy("p", Effect.ALLOW, (READ,), when="user.level == resource.level")])
    for level in [*range(20), 1]:
        subject = Subject("ann", attributes={"level": level})
        assert bool(rules.decide(subject, READ, OURS, Env(NOON))) == (level == 1)
        (plan,) = rules._plans.values()
        assert len(plan._alike._last[1] or ()) <= 3


def test_a_crowd_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = 0
    rules = Snapshot(policies=[Policy("p", Effect.ALLOW, (READ,), when="user.level == resource.level")])
    (rule,) = rules.plan((), READ).rules
    test = rule.test
    assert test is not None

    def counted(facts: Any) -> Any:
        nonlocal judged
        judged += 1
        return test(facts)

    object.__setattr__(rule, "test", counted)
    for number in range(50):
        rules.decide(Subject(f"{number}", attributes={"level": number % 2}), READ, OURS, Env(NOON))
    assert judged == 3  # by the first, who may be the only one, and of each level once
