"""The tests of policies, run: questions put to rules that aren't in force yet, before they may be."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from models.clock import now
from models.free_form import FreeFormError, check_free_form
from models.policy import Policy
from models.policy_case import PolicyCase
from permissions.actions import resource_type
from permissions.checks import check_pattern
from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.facts import Assignment, Env, Resource, Subject
from permissions.engine.snapshot import Conventions, Snapshot
from permissions.errors import InvalidChangeError
from permissions.state import State, engine_policy, engine_role

MOST: Final = 200
"""Tests of a policy."""
LONGEST: Final = 200
"""Characters of a test's name."""
FIELD: Final = "tests"
TOLD: Final = 20
"""Failures that are told; of more only the number."""


def check_cases(cases: Sequence[PolicyCase], state: State) -> None:
    """Raise `InvalidChangeError` for tests that can't be put to these rules, or can't be stored."""
    if len(cases) > MOST:
        raise InvalidChangeError(FIELD, f"are more than {MOST}")
    seen = set[str]()
    for case in cases:
        check_case(case, state)
        if case.name in seen:
            raise InvalidChangeError(FIELD, f"there are two tests `{case.name}`")
        seen.add(case.name)


def check_case(case: PolicyCase, state: State) -> None:
    """The same of one test."""
    if not 0 < len(case.name) <= LONGEST:
        raise InvalidChangeError(FIELD, f"a test's name must have 1 to {LONGEST} characters")
    if case.action.endswith("*"):
        raise _wrong(case, f"asks for a pattern of actions: `{case.action[:100]}`")
    try:
        check_pattern(case.action, state.known_types, FIELD)
        for values in (case.subject.attributes, case.resource.attributes, case.environment):
            check_free_form(_told(values))
    except (InvalidChangeError, FreeFormError) as error:
        raise _wrong(case, str(error)) from error
    if unknown := [role for role in case.subject.roles if role not in state.roles]:
        raise _wrong(case, f"unknown role `{unknown[0][:100]}`")
    if case.strategy is not None and case.strategy not in list(ConflictStrategy):
        raise _wrong(case, f"unknown strategy `{case.strategy[:100]}`: it is one of {', '.join(ConflictStrategy)}")
    if case.at is not None and case.at.tzinfo is None:
        raise _wrong(case, "`at` has no offset from UTC")


def kept_tests(policy: Policy, known: Policy | None) -> Policy:
    """A policy that says nothing of tests has those that are stored."""
    return policy.model_copy(update={"tests": known.tests}) if known and policy.tests is None else policy


def run_stored(state: State, policies: Iterable[Policy]) -> None:
    """Raise `InvalidChangeError` where a policy's own tests fail under the rules of `state`."""
    for policy in policies:
        cases = policy.tests or []
        check_cases(cases, state)
        _require_none([f"policy `{policy.id}`: {each}" for _, each in failures(state, cases, policy)])


def run(state: State, cases: Sequence[PolicyCase]) -> None:
    """Raise `InvalidChangeError` where one of them fails under the rules of `state`."""
    for case in cases:
        check_case(case, state)
    _require_none([each for _, each in failures(state, cases)])


def failures(state: State, cases: Sequence[PolicyCase], judged: Policy | None = None) -> list[tuple[int, str]]:
    """The place of each that fails, and a sentence. `judged` counts, whatever its mode: it is what is tested."""
    if not cases:
        return []
    snapshot = _world(state, cases, judged)
    outcomes = ((number, case, _failure(snapshot, case)) for number, case in enumerate(cases))
    return [(number, f"test `{case.name}`: {wrong}") for number, case, wrong in outcomes if wrong]


def _require_none(failing: list[str]) -> None:
    if failing:
        more = f" (and {len(failing) - 1} more)" if len(failing) > 1 else ""
        raise InvalidChangeError(FIELD, f"{failing[0]}{more}", {"failing": failing[:TOLD]})


def _world(state: State, cases: Sequence[PolicyCase], judged: Policy | None) -> Snapshot:
    """The rules that matter to them: thousands of roles aren't compiled for a question about two."""
    asked = {role for case in cases for role in case.subject.roles}
    roles = {name for role in asked for name in state.graph.closure(role)}
    policies = [each for each in state.enforced if judged is None or each.id != judged.id]
    return Snapshot(
        [engine_role(state.roles[name]) for name in sorted(roles)],
        map(engine_policy, [*policies, judged] if judged else policies),
        conventions=Conventions.of(state.known_types.values()),
    )


def _failure(snapshot: Snapshot, case: PolicyCase) -> str | None:
    subject = Subject(case.subject.id, tuple(map(Assignment, case.subject.roles)), case.subject.attributes)
    resource = Resource(resource_type(case.action), case.resource.id, case.resource.attributes)
    strategy = ConflictStrategy(case.strategy) if case.strategy else None
    decision = snapshot.decide(subject, case.action, resource, Env(case.at or now(), case.environment), strategy)
    if decision.effect != case.effect.value:
        return f"wanted {case.effect}, but it is {decision.reason}"
    if case.decided_by is not None and set(case.decided_by) != set(decision.decided_by):
        return f"wanted it decided by {', '.join(case.decided_by) or 'no rule'}, but it is {decision.reason}"
    return None


def _wrong(case: PolicyCase, reason: str) -> InvalidChangeError:
    return InvalidChangeError(FIELD, f"test `{case.name}`: {reason}")


def _told(value: Any) -> Any:
    """With moments as texts: MongoDB holds them, JSON doesn't."""
    match value:
        case datetime():
            return str(value)
        case dict():
            return {key: _told(each) for key, each in value.items()}
        case list():
            return [_told(each) for each in value]
        case _:
            return value
