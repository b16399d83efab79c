"""Steps in any order: what comes of them are rules, or is said why not."""

from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from permissions.engine.errors import MissingRoleError, RulesError
from permissions.engine.facts import Assignment
from permissions.engine.rulebook import Grant, Role
from permissions.engine.rules import Effect
from permissions.engine.snapshot import Snapshot
from permissions.questions.question import Question
from permissions.questions.simulation import simulate
from permissions.questions.steps import (
    AddGrant,
    Assign,
    DeleteRole,
    PutPolicy,
    PutRole,
    RemoveGrants,
    SetAttribute,
    Step,
    SwitchOff,
    Unassign,
    World,
)
from tests.examples import examples
from tests.permissions import hostile
from tests.permissions.questions.test_agreement import many, questions

GRANT: Final = Grant(Effect.ALLOW, "conversation:read", None)
NAMES: Final = st.sampled_from(["r0", "r1", "r2", "r3", "ghost"])
POLICIES: Final = st.sampled_from(["p", "q", "ghost"])
PEOPLE: Final = st.sampled_from(hostile.OWNERS)
STEPS: Final[st.SearchStrategy[list[Step]]] = st.lists(
    st.one_of(
        st.builds(PutRole, st.builds(Role, NAMES, st.lists(NAMES, max_size=2).map(tuple))),
        st.builds(DeleteRole, NAMES),
        st.builds(AddGrant, NAMES, hostile.grants),
        st.builds(RemoveGrants, NAMES, hostile.grants),
        st.builds(PutPolicy, hostile.policies),
        st.builds(SwitchOff, POLICIES),
        st.builds(Assign, PEOPLE, st.builds(Assignment, NAMES)),
        st.builds(Unassign, PEOPLE, NAMES),
        st.builds(SetAttribute, PEOPLE, st.just("a"), hostile.values),
    ),
    max_size=6,
)


@pytest.mark.parametrize("step", [AddGrant("viewer", GRANT), RemoveGrants("viewer", GRANT)])
def test_a_role_that_an_earlier_step_ended_can_not_be_changed(step: Step) -> None:
    snapshot = Snapshot([Role("viewer")])

    with pytest.raises(MissingRoleError, match="`viewer`"):
        simulate(snapshot, [DeleteRole("viewer"), step], [])


@settings(many, max_examples=examples(50))
@given(snapshot=hostile.snapshots, question=questions, steps=STEPS)
def test_steps_in_any_order_make_rules_or_say_why_not(
    snapshot: Snapshot, question: Question, steps: Sequence[Step]
) -> None:
    try:
        after = World(snapshot, question).after(tuple(steps))
    except RulesError:
        with pytest.raises(RulesError):
            simulate(snapshot, steps, [question])
        return
    flips = list(simulate(snapshot, steps, [question]))
    assert bool(flips) is (World(snapshot, question).allows() is not after.allows())
