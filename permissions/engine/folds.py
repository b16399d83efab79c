"""`exists` over lists; `all` is what doesn't exist otherwise. Closure and filter side by side."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from permissions.engine.conditions import Condition, Test, Truth
from permissions.engine.facts import Facts
from permissions.engine.filters import UNKNOWN, Fields, Filter, Pair, both, either
from permissions.engine.operands import ELEMENT, Attribute, Fault, Operand, read_aloud
from permissions.engine.values import is_list, name_of

MOST: Final = 200
"""Elements of a list: each is a part of a filter, or may go through a list of its own."""
A_LIST: Final = {"$type": "array"}


@dataclass(frozen=True, slots=True)
class Exists:
    """True if `holds` is for one element; else a fault if it is for one; else False, also of no elements at all.

    More than `most` elements are a fault; None where MongoDB goes through them, which doesn't count.
    """

    variable: str
    over: Operand
    holds: Condition
    most: int | None = MOST

    def test(self) -> Test:
        read, holds, most = self.over.reader(), self.holds.test(), self.most

        def exists(facts: Facts) -> Truth:
            elements = _elements(read(facts), most)
            if isinstance(elements, Fault):
                return elements
            fault: Fault | None = None
            for inner in _bindings(facts, elements):
                truth = holds(inner)
                if truth is True:
                    return True
                if isinstance(truth, Fault):
                    fault = truth
            return False if fault is None else fault

        return exists

    def pair(self, known: Facts, fields: Fields) -> Pair:
        if isinstance(self.over, Attribute) and self.over.stored:
            true, false = self.holds.pair(known._replace(bound=(*known.bound, None)), fields)
            return Pair(_some(self.over.place(fields), true), _every(self.over.place(fields), false))
        elements = _elements(self.over.reader()(known), self.most)
        if isinstance(elements, Fault):
            return UNKNOWN
        pairs = [self.holds.pair(inner, fields) for inner in _bindings(known, elements)]
        return Pair(either(*(true for true, _ in pairs)), both(*(false for _, false in pairs)))

    def explain(self, facts: Facts) -> str:
        return f"{self.over}.exists({self.variable}, …) ({read_aloud(self.over, facts)})"


def _elements(value: Any, most: int | None) -> Iterable[Any] | Fault:
    if isinstance(value, Fault):
        return value
    if not is_list(value):
        return Fault(f"can't go through {name_of(value)}")
    if most is not None and len(value) > most:
        return Fault(f"more than {most} elements")
    elements: Iterable[Any] = value
    return elements


def _bindings(facts: Facts, elements: Iterable[Any]) -> Iterable[Facts]:
    subject, roles, resource, env, bound = facts
    return (Facts(subject, roles, resource, env, (*bound, element)) for element in elements)


def _some(field: str, test: Filter) -> Filter:
    """Lists with an element that passes."""
    if test is None:
        return None
    if not test:
        return {field: A_LIST, "$nor": [{field: {"$size": 0}}]}
    return {field: {"$elemMatch": test[ELEMENT]}}


def _every(field: str, test: Filter) -> Filter:
    """Lists without an element that doesn't pass."""
    if test is None:
        return {field: {"$size": 0}}
    if not test:
        return {field: A_LIST}
    return {field: A_LIST, "$nor": [{field: {"$elemMatch": {"$not": test[ELEMENT]}}}]}
