"""What a condition may come to while the resource, and where one comes from, are not known yet."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import reduce
from itertools import product

from permissions.engine.branches import If, Unlistable
from permissions.engine.conditions import AllOf, AnyOf, Condition, Not
from permissions.engine.facts import Facts
from permissions.engine.operands import Attribute, Fault
from permissions.engine.rules import Outcome
from permissions.engine.shares import Shared

Outcomes = frozenset[Outcome]
"""Some of `MATCHED`, `NOT_MET` and `ERROR`: more than are really possible, perhaps, and never fewer."""

TRUE, FALSE, ERROR = Outcome.MATCHED, Outcome.NOT_MET, Outcome.ERROR
ANY: Outcomes = frozenset({TRUE, FALSE, ERROR})
OPPOSITE = {TRUE: FALSE, FALSE: TRUE, ERROR: ERROR}


def possible(condition: Condition | None, known: Facts) -> Outcomes:
    """What it may come to for any resource, and under any circumstances that `known.env` doesn't name."""
    match condition:
        case None:
            return frozenset({TRUE})
        case Not(part):
            return frozenset(OPPOSITE[each] for each in possible(part, known))
        case AllOf(parts):
            return _joined(FALSE, (possible(part, known) for part in parts))
        case AnyOf(parts):
            return _joined(TRUE, (possible(part, known) for part in parts))
        case Unlistable(part):
            return possible(part, known)
        case If(which, yes, no):
            return _chosen(possible(which, known), possible(yes, known), possible(no, known))
        case Shared():
            return frozenset({TRUE, FALSE})
        case _:
            return ANY if any(_open(each, known) for each in attributes_of(condition)) else _settled(condition, known)


def attributes_of(part: object) -> Iterator[Attribute]:
    """Every attribute that a condition reads: conditions are values made of values."""
    if isinstance(part, Attribute):
        yield part
    elif isinstance(part, tuple):
        for each in part:
            yield from attributes_of(each)
    elif is_dataclass(part):
        for field in fields(part):
            yield from attributes_of(getattr(part, field.name))


def _open(attribute: Attribute, known: Facts) -> bool:
    if attribute.scope == "env":
        return attribute.name != "time" and attribute.name not in known.env.attributes
    return attribute.stored


def _settled(condition: Condition, known: Facts) -> Outcomes:
    truth = condition.test()(known)
    if isinstance(truth, Fault):
        return frozenset({ERROR})
    return frozenset({TRUE if truth else FALSE})


def _chosen(which: Outcomes, yes: Outcomes, no: Outcomes) -> Outcomes:
    nothing = Outcomes()
    return (which & {ERROR}) | (yes if TRUE in which else nothing) | (no if FALSE in which else nothing)


def _joined(strongest: Outcome, parts: Iterator[Outcomes]) -> Outcomes:
    """As CEL: the strongest decides, then an error, then the other."""
    order = (strongest, ERROR, OPPOSITE[strongest])

    def join(left: Outcomes, right: Outcomes) -> Outcomes:
        return frozenset(min(pair, key=order.index) for pair in product(left, right))

    return reduce(join, parts, frozenset({OPPOSITE[strongest]}))
