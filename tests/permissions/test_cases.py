"""Every case of `cases/*.toml`: the wanted effect, and the rules that must have decided."""

import pytest

from tests.permissions.cases import Case, load

CASES = load()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    decision = case.snapshot.decide(case.subject, case.action, case.resource, case.env, case.strategy)

    assert decision.effect is case.effect, f"{case.sentence} {decision.reason}"
    assert bool(decision) is (case.effect == "allow")
    assert set(decision.decided_by) == set(case.decided_by), case.sentence
    assert len(decision.decided_by) == len(set(decision.decided_by)), "a rule counts once"
    assert case.because in " ".join(reason.detail for reason in decision.reasons)


def test_no_two_cases_have_the_same_name() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 120
