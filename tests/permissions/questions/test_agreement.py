"""Every answer agrees with the engine's decisions, on random worlds."""

from collections.abc import AsyncIterator
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.facts import Env, Resource, Subject
from permissions.engine.snapshot import Snapshot
from permissions.questions.effective import PermissionEffect, effective
from permissions.questions.explanation import explain
from permissions.questions.holders import holders
from permissions.questions.question import Question
from permissions.questions.remedies import MOST, remedies
from permissions.questions.sight import EVERYTHING, Sight
from permissions.questions.steps import World
from tests.examples import FIXED
from tests.permissions import hostile
from tests.permissions.worlds import NOON

RESOURCES = [hostile.resource(document) for document in hostile.documents(40)]
ACTIONS = ("conversation:read", "conversation:delete", "message:read", "user:list")

many = settings(
    max_examples=40 if FIXED else 200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
some_resource = st.sampled_from(RESOURCES)
questions = st.builds(
    Question,
    hostile.subjects,
    st.just("conversation:read"),
    some_resource,
    hostile.environments,
    hostile.strategies,
)


@many
@given(snapshot=hostile.snapshots, subject=hostile.subjects, env=hostile.environments, strategy=hostile.strategies)
def test_effective_permissions_say_what_decisions_do(
    snapshot: Snapshot, subject: Subject, env: Env, strategy: ConflictStrategy
) -> None:
    for each in effective(snapshot, subject, ACTIONS, Env(NOON), strategy):
        decisions = {bool(snapshot.decide(subject, each.action, known, env, strategy)) for known in RESOURCES}
        if each.effect is PermissionEffect.ALLOW:
            assert decisions == {True}
        elif each.effect is PermissionEffect.DENY:
            assert decisions == {False}
        assert (each.condition is not None) is (each.effect is PermissionEffect.CONDITIONAL)


@many
@given(snapshot=hostile.snapshots, question=questions)
def test_every_path_leads_from_a_role_held_to_the_one_that_grants(snapshot: Snapshot, question: Question) -> None:
    held = question.subject.roles_at(NOON)

    for entry in explain(snapshot, question, EVERYTHING).trace:
        for path in entry.paths:
            if path.assignments:
                assert path.steps[0] in held
                assert entry.rule.startswith(f"role {path.steps[-1]}: ")
                assert all(parent in snapshot.graph.parents(child) for child, parent in pairwise(path.steps))


@many
@given(snapshot=hostile.snapshots, question=questions)
def test_every_remedy_flips_the_decision_and_no_part_of_it_would(snapshot: Snapshot, question: Question) -> None:
    world = World(snapshot, question)
    found = remedies(world)

    assert len(found) <= MOST
    assert not (found and world.allows())
    assert [each.cost for each in found] == sorted(each.cost for each in found)
    for remedy in found:
        assert world.after(remedy.steps).allows()
        if len(remedy.steps) > 1:
            assert not any(world.after((step,)).allows() for step in remedy.steps)


@many
@given(snapshot=hostile.snapshots, question=questions, people=st.lists(hostile.subjects, max_size=6))
async def test_who_has_access_is_who_is_allowed(snapshot: Snapshot, question: Question, people: list[Subject]) -> None:
    async def batches() -> AsyncIterator[Subject]:
        for person in people:
            yield person

    page = await holders(snapshot, batches(), question, size=10)

    assert [holder.subject for holder in page.holders] == [
        person
        for person in people
        if snapshot.decide(person, question.action, question.resource, question.env, question.strategy)
    ]
    assert not page.more
    assert all(holder.via for holder in page.holders)


@many
@given(snapshot=hostile.snapshots, question=questions)
def test_hidden_values_are_in_no_sentence(snapshot: Snapshot, question: Question) -> None:
    """A secret stands in for whatever value there was."""
    subject = Subject(question.subject.id, question.subject.assignments, {"a": "s3cret", "b": ["s3cret"]})
    secret = Question(subject, question.action, Resource("conversation", None, {"a": "s3cret"}), question.env)

    told = explain(snapshot, secret, Sight(user=False, resource=False))

    assert "s3cret" not in " ".join(told.words)
    assert remedies(World(snapshot, secret), Sight(user=False)) == []
