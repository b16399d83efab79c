"""What a difference looks like to who has to mend it."""

import json
from typing import Any, Final

from tests.differential.cases import Case
from tests.differential.comparing import Verdict
from tests.differential.outcomes import Outcome

MOST: Final = 3_000
"""Characters of an answer."""
NEAR: Final = 300
"""Characters of what differs in two of them."""


def report(case: Case, verdict: Verdict, *, again: bool = True) -> str:
    """The case, what is wrong, where data differs first, and both answers. `again`: whether it was seen twice."""
    faults = [f"!! {fault}" for fault in verdict.faults]
    faults += [] if again else ["!! seen once, and not again: a race that no sample showed, or something has changed"]
    if place := first_difference(verdict.core.told(), verdict.compiled.told()):
        faults.append(f"!! {place}")
    parts = [str(case), "\n".join(faults)]
    return "\n\n".join([*parts, _answer("graphql-core", verdict.core), _answer("compiled", verdict.compiled)])


def _answer(name: str, outcome: Outcome) -> str:
    lines = [f"== {name}", "data: " + json.dumps(outcome.told())[:MOST]]
    for kind in ("errors", "denied", "allowed", "written"):
        lines += [f"{kind}: {each}" for each in getattr(outcome, kind)]
    return "\n".join([*lines, f"calls: {', '.join(outcome.calls)}", f"counted: {outcome.counted}"])


def first_difference(core: Any, compiled: Any, place: str = "data") -> str | None:
    """Where two answers differ first, and in what; None where they don't. The order of keys is part of an answer."""
    if isinstance(core, dict) and isinstance(compiled, dict) and list(core) == list(compiled):
        return _first([(core[key], compiled[key], f"{place}.{key}") for key in core])
    if isinstance(core, list) and isinstance(compiled, list) and len(core) == len(compiled):
        return _first([(*both, f"{place}[{at}]") for at, both in enumerate(zip(core, compiled, strict=True))])
    if not isinstance(core, dict) and (type(core), core) == (type(compiled), compiled):
        return None
    return f"{place}: {json.dumps(core)[:NEAR]}, and compiled {json.dumps(compiled)[:NEAR]}"


def _first(pairs: list[tuple[Any, Any, str]]) -> str | None:
    return next((found for pair in pairs if (found := first_difference(*pair))), None)
