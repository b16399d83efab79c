"""Where conditions and values meet: a condition as a value, a value as a condition, and what `? :` chooses."""

from dataclasses import dataclass
from typing import Any, Final

from permissions.engine.conditions import Condition, Test, Truth, settled
from permissions.engine.facts import Facts
from permissions.engine.filters import UNLISTABLE, Fields, Pair, both, either
from permissions.engine.operands import Attribute, Computed, Element, Fault, Operand, Reader, read_aloud
from permissions.engine.values import name_of

NOT_A_LIST: Final = {"$not": {"$type": "array"}}
"""MongoDB would compare with each element of a list."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A boolean, by itself: `resource.public`."""

    value: Operand

    def test(self) -> Test:
        read = self.value.reader()

        def raised(facts: Facts) -> Truth:
            value = read(facts)
            if value is True or value is False or isinstance(value, Fault):
                return value
            return Fault(f"{self.value} is no boolean but {name_of(value)}")

        return raised

    def pair(self, known: Facts, fields: Fields) -> Pair:
        if not (isinstance(self.value, Attribute | Element) and self.value.stored):
            return settled(self, known)
        field = self.value.place(fields)
        true, false = ({field: {"$eq": wanted, "$type": ["bool"], **NOT_A_LIST}} for wanted in (True, False))
        return Pair(true, false)

    def explain(self, facts: Facts) -> str:
        parts = self.value.parts if isinstance(self.value, Computed) else (self.value,)
        return f"{self.value} ({', '.join(read_aloud(part, facts) for part in parts)})"


@dataclass(frozen=True, slots=True)
class If:
    """`condition ? yes : no`. A fault of the condition is one; of the two others only that which is chosen counts."""

    condition: Condition
    yes: Condition
    no: Condition

    def test(self) -> Test:
        test, yes, no = self.condition.test(), self.yes.test(), self.no.test()

        def chosen(facts: Facts) -> Truth:
            truth = test(facts)
            if isinstance(truth, Fault):
                return truth
            return yes(facts) if truth else no(facts)

        return chosen

    def pair(self, known: Facts, fields: Fields) -> Pair:
        condition, yes, no = (part.pair(known, fields) for part in (self.condition, self.yes, self.no))
        return Pair(
            either(both(condition.true, yes.true), both(condition.false, no.true)),
            either(both(condition.true, yes.false), both(condition.false, no.false)),
        )

    def explain(self, facts: Facts) -> str:
        return f"({self.condition.explain(facts)}) ? ({self.yes.explain(facts)}) : ({self.no.explain(facts)})"


@dataclass(frozen=True, slots=True)
class Unlistable:
    """A condition that no filter can say: right in a check, and of no use to a list."""

    condition: Condition

    def test(self) -> Test:
        return self.condition.test()

    def pair(self, known: Facts, fields: Fields) -> Pair:
        return UNLISTABLE

    def explain(self, facts: Facts) -> str:
        return self.condition.explain(facts)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a condition says, as a value to compare: `(user.level > 3) == env.strict`."""

    condition: Condition
    text: str

    def __str__(self) -> str:
        return self.text

    @property
    def stored(self) -> bool:
        """A filter can't name it."""
        return False

    def reader(self) -> Reader:
        """The closure that judges it."""
        return self.condition.test()


@dataclass(frozen=True, slots=True)
class Chosen:
    """`condition ? yes : no`, of values."""

    condition: Condition
    yes: Operand
    no: Operand

    def __str__(self) -> str:
        return f"(… ? {self.yes} : {self.no})"

    @property
    def stored(self) -> bool:
        """A filter can't name it."""
        return False

    def reader(self) -> Reader:
        """The closure that chooses it."""
        test, yes, no = self.condition.test(), self.yes.reader(), self.no.reader()

        def choose(facts: Facts) -> Any:
            truth = test(facts)
            if isinstance(truth, Fault):
                return truth
            return yes(facts) if truth else no(facts)

        return choose
