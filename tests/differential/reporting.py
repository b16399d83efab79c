"""What a difference looks like to who has to mend it."""

import json

from tests.differential.cases import Case
from tests.differential.comparing import Verdict
from tests.differential.outcomes import Outcome


def report(case: Case, verdict: Verdict) -> str:
    """The case, what is wrong, and both answers."""
    parts = [str(case), "\n".join(f"!! {fault}" for fault in verdict.faults)]
    return "\n\n".join([*parts, _answer("graphql-core", verdict.core), _answer("compiled", verdict.compiled)])


def _answer(name: str, outcome: Outcome) -> str:
    lines = [f"== {name}", "data: " + json.dumps(outcome.told())[:3_000]]
    for kind in ("errors", "denied", "allowed"):
        lines += [f"{kind}: {each}" for each in getattr(outcome, kind)]
    return "\n".join([*lines, f"calls: {', '.join(outcome.calls)}", f"counted: {outcome.counted}"])
