"""Many decisions about few resources are spelled as each would be by itself."""

from datetime import UTC, datetime
from itertools import cycle, islice
from typing import Any, Final

import pytest
from bson import ObjectId

from permissions.access import Taken
from permissions.audit.events import SYSTEM, Spelling, decided
from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.decision import Decision
from permissions.engine.facts import Env, Resource, Subject
from permissions.engine.rules import Effect

AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
DEEP: Any = {}
for _ in range(300):
    DEEP = {"in": DEEP}


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"z": 1, "a": {"b": [True, None], "a": AT}, "owner_id": ObjectId()},
        {"half": "\ud800", 1: "a number's name"},
        {"unknown": object()},
        {"deep": DEEP},
        {"large": "x" * 10_000},
    ],
)
def test_it_is_the_same_text_whatever_came_before(attributes: dict[str, Any]) -> None:
    spelling = Spelling()
    resources = [Resource("message", ObjectId(), attributes), Resource("message", None, {"region": "EMEA"})]
    for number, resource in enumerate(islice(cycle([resources[0], *resources]), 7)):
        subject = Subject(ObjectId(), (), {"clearance": number})
        decision = Decision(subject.id, "message:read", resource, Effect.DENY, (), (), AT, "1")
        taken = Taken(decision, subject, Env(AT), ConflictStrategy.DENY_OVERRIDES)
        assert decided(taken, SYSTEM, AT, spelling) == decided(taken, SYSTEM, AT)
        if attributes and resource is resources[1]:
            assert '"resource":{"region":"EMEA"}' in decided(taken, SYSTEM, AT, spelling)["facts"]


def test_decisions_that_differ_in_anything_are_not_told_as_one() -> None:
    resource, spelling = Resource("message", ObjectId(), {}), Spelling()
    usual: dict[str, Any] = {
        "action": "message:read",
        "resource": resource,
        "effect": Effect.DENY,
        "decided_by": ("role:a",),
        "revision": "1",
    }
    others: list[dict[str, Any]] = [
        {},
        {"action": "message:write"},
        {"resource": Resource("message", ObjectId(), {})},
        {"resource": Resource("report", resource.id, {})},
        {"decided_by": ("role:b",)},
        {"decided_by": ()},
        {"effect": Effect.ALLOW},
        {"revision": "2"},
        {"shadow": ("policy:s",)},
        {"strategy": ConflictStrategy.PRIORITY},
    ]
    records = []
    for other in others:
        for changed in ({}, other, other):
            given = {**usual, **changed}
            shadow, strategy = given.pop("shadow", ()), given.pop("strategy", ConflictStrategy.DENY_OVERRIDES)
            subject = Subject(ObjectId(), (), {})
            decision = Decision(subject_id=subject.id, reasons=(), at=AT, **given)
            decision.shadow = shadow
            taken = Taken(decision, subject, Env(AT), strategy)
            records.append(decided(taken, SYSTEM, AT, spelling))
            assert records[-1] == decided(taken, SYSTEM, AT)
            assert records[-1]["by"] == str(subject.id)
    assert len({record["decision"] for record in records}) == len(records)
