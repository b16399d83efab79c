"""Conditions and how they combine. Each has two meanings, a Python closure and a MongoDB filter, which agree.

A closure gives True, False or a `Fault` (it can't be judged: an attribute is missing, a type is wrong). A filter pair
matches where the closure gives True, where it gives False, and nowhere else. As in CEL, `AllOf` is False as soon as
one part is, whatever the others' faults; `AnyOf` likewise with True.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Protocol

from permissions.engine.facts import Facts
from permissions.engine.filters import ALWAYS, NEVER, UNKNOWN, Fields, Pair, both, either
from permissions.engine.operands import Fault

Truth = bool | Fault
Test = Callable[[Facts], Truth]


class Condition(Protocol):
    """What a rule may hang on."""

    def test(self) -> Test:
        """The closure that judges it."""

    def pair(self, known: Facts, fields: Fields) -> Pair:
        """The filters that judge it for stored resources; all else is in `known`."""

    def explain(self, facts: Facts) -> str:
        """What was compared with what."""


@dataclass(frozen=True, slots=True)
class Not:
    """True where the part is False; a fault stays one."""

    part: Condition

    def test(self) -> Test:
        test = self.part.test()

        def negated(facts: Facts) -> Truth:
            truth = test(facts)
            return truth if isinstance(truth, Fault) else not truth

        return negated

    def pair(self, known: Facts, fields: Fields) -> Pair:
        true, false = self.part.pair(known, fields)
        return Pair(false, true)

    def explain(self, facts: Facts) -> str:
        return f"not ({self.part.explain(facts)})"


@dataclass(frozen=True, slots=True)
class AllOf:
    """False if one part is; else a fault if one part is; else True, also of no parts at all."""

    parts: tuple[Condition, ...]

    def test(self) -> Test:
        return _until(False, [part.test() for part in self.parts])

    def pair(self, known: Facts, fields: Fields) -> Pair:
        pairs = [part.pair(known, fields) for part in self.parts]
        return Pair(both(*(true for true, _ in pairs)), either(*(false for _, false in pairs)))

    def explain(self, facts: Facts) -> str:
        return " and ".join(f"({part.explain(facts)})" for part in self.parts) or "nothing to hold"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True if one part is; else a fault if one part is; else False, also of no parts at all."""

    parts: tuple[Condition, ...]

    def test(self) -> Test:
        return _until(True, [part.test() for part in self.parts])

    def pair(self, known: Facts, fields: Fields) -> Pair:
        pairs = [part.pair(known, fields) for part in self.parts]
        return Pair(either(*(true for true, _ in pairs)), both(*(false for _, false in pairs)))

    def explain(self, facts: Facts) -> str:
        return " or ".join(f"({part.explain(facts)})" for part in self.parts) or "nothing that could hold"


def _until(wanted: bool, tests: list[Test]) -> Test:
    other = not wanted

    def judged(facts: Facts) -> Truth:
        fault: Fault | None = None
        for test in tests:
            truth = test(facts)
            if truth is wanted:
                return wanted
            if truth is not other:
                fault = truth  # type: ignore[assignment]  # it is neither True nor False
        return other if fault is None else fault

    return judged


@dataclass(frozen=True, slots=True)
class Broken:
    """What couldn't be read as a condition: a fault for everybody."""

    fault: Fault

    def test(self) -> Test:
        return lambda facts: self.fault

    def pair(self, known: Facts, fields: Fields) -> Pair:
        return UNKNOWN

    def explain(self, facts: Facts) -> str:
        return self.fault.reason


def settled(condition: Condition, known: Facts) -> Pair:
    """A condition that no stored resource has a part in."""
    truth = condition.test()(known)
    if isinstance(truth, Fault):
        return UNKNOWN
    return ALWAYS if truth else NEVER


def anywhere(part: object, holds: Callable[[object], bool]) -> bool:
    """Whether it holds of a condition, or of anything that it is made of."""
    if holds(part):
        return True
    if isinstance(part, tuple):
        return any(anywhere(each, holds) for each in part)
    if isinstance(part, type) or not is_dataclass(part):
        return False
    return any(anywhere(getattr(part, field.name), holds) for field in fields(part))
