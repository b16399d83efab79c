"""A logged decision can be taken again, and told."""

from datetime import UTC, datetime

from bson import ObjectId

from models.audit import AuditRecord
from permissions.access import Access
from permissions.audit.events import Origin, decided
from permissions.audit.replay import replay
from permissions.audit.sentence import sentence
from permissions.engine.facts import Assignment, Env, Resource, Subject
from permissions.engine.rulebook import Grant, Role
from permissions.engine.rules import Effect
from permissions.engine.snapshot import Snapshot

TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
CLEARED = "user.region == resource.region && user.clearance >= resource.clearance_required && env.time > user.since"
SNAPSHOT = Snapshot([Role("analyst", grants=(Grant(Effect.ALLOW, "report:read", CLEARED),))])
ALICE = Subject(
    ObjectId(),
    (Assignment("analyst"), Assignment("guest", valid_until=TEN)),
    {"region": "EMEA", "clearance": 2, "since": datetime(2025, 1, 1, tzinfo=UTC)},
)


def logged(action: str, resource: Resource) -> AuditRecord:
    access = Access(SNAPSHOT, ALICE, Env(TEN, {"ip": "192.0.2.7"}))
    access.decide(action, resource)
    takings = access.takings()
    (taken,) = (*takings.denied, *takings.allowed)
    return AuditRecord.model_validate({"n": 0, **decided(taken, Origin(ALICE.id), TEN)})


REPORT = Resource("report", "123", {"region": "EMEA", "clearance_required": 2})


def test_alices_story_reads_as_in_the_case_study() -> None:
    told = "Alice (analyst, EMEA, L2) accessed Report#123 (EMEA, L2) at 10:00 AM"
    assert sentence(logged("report:read", REPORT), "Alice") == told


def test_a_denial_says_so() -> None:
    record = logged("report:read", Resource("report", "124", {"region": "EMEA", "clearance_required": 3}))
    told = "Alice (analyst, EMEA, L2) was denied read of Report#124 (EMEA, L3) at 10:00 AM"
    assert sentence(record, "Alice") == told


def test_a_decision_is_taken_again_with_the_same_end() -> None:
    for clearance, effect in ((2, Effect.ALLOW), (3, Effect.DENY)):
        resource = Resource("report", "123", {"region": "EMEA", "clearance_required": clearance})
        again = replay(logged("report:read", resource))
        assert again
        assert again.question.decide(SNAPSHOT).effect is effect
        assert (again.question.subject.attributes, again.question.resource) == (ALICE.attributes, resource)
        assert not again.ahead


def test_a_question_before_any_resource_was_known_says_that_it_was() -> None:
    access = Access(SNAPSHOT, ALICE, Env(TEN))
    access.foresee("report:read")
    (taken,) = access.takings().allowed
    again = replay(AuditRecord.model_validate({"n": 0, **decided(taken, Origin(), TEN)}))
    assert again
    assert again.ahead


def test_what_was_too_large_to_be_kept_is_not_taken_again() -> None:
    assert replay(logged("report:read", Resource("report", "123", {"text": "x" * 5_000}))) is None
