"""What texts hold, and how long texts and lists are: closure and filter side by side."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from permissions.engine.conditions import Test, Truth, settled
from permissions.engine.facts import Facts
from permissions.engine.filters import NOTHING, UNKNOWN, Fields, Pair, either
from permissions.engine.operands import ELEMENT, Attribute, Element, Fault, Operand, read_aloud
from permissions.engine.values import is_list, name_of, storable

LONGEST: Final = 1000
"""Characters that may be looked for in a text."""
SIZES: Final = 250
"""Sizes that may be asked for: each is a part of a filter."""
TEXT: Final = {"$type": ["string"]}
A_LIST: Final = {"$type": "array"}

HOW: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": str.__contains__,
}


@dataclass(frozen=True, slots=True)
class Text:
    """`whole.startsWith(part)`, `endsWith` or `contains`: `how` is a key of `HOW`. By code points, with their case."""

    how: str
    whole: Operand
    part: Operand

    def test(self) -> Test:
        read_whole, read_part, holds = self.whole.reader(), self.part.reader(), HOW[self.how]

        def found(facts: Facts) -> Truth:
            whole, part = read_whole(facts), read_part(facts)
            if isinstance(whole, Fault):
                return whole
            if isinstance(part, Fault):
                return part
            if not isinstance(whole, str) or not isinstance(part, str):
                return Fault(f"{self.how} is for strings, not for {name_of(whole)} and {name_of(part)}")
            return holds(whole, part) if len(part) <= LONGEST else Fault(f"longer than {LONGEST}: {self.part}")

        return found

    def pair(self, known: Facts, fields: Fields) -> Pair:
        if not (isinstance(self.whole, Attribute | Element) and self.whole.stored):
            return settled(self, known)
        field, part = self.whole.place(fields), self.part.reader()(known)
        if not isinstance(part, str) or len(part) > LONGEST:
            return UNKNOWN
        if not storable(part):
            return Pair(NOTHING, {field: {**TEXT, **({} if field == ELEMENT else {"$not": A_LIST})}})
        return _texts(field, {"$regex": _PATTERNS[self.how].format(_escaped(part))})

    def explain(self, facts: Facts) -> str:
        return f"{self.whole}.{self.how}({self.part}) ({read_aloud(self.whole, facts)}, {read_aloud(self.part, facts)})"


_PATTERNS: Final = {"startsWith": "^{}", "endsWith": "{}\\z", "contains": "{}"}


def _escaped(text: str) -> str:
    """As every dialect of regular expressions reads it: letters and digits as they are, all else of ASCII in hex."""
    return "".join(each if each.isalnum() or not each.isascii() else f"\\x{ord(each):02x}" for each in text)


def _texts(field: str, test: Mapping[str, Any]) -> Pair:
    """Where a text passes `test`, and where a text doesn't. An element of a list needs all of it in one place."""
    if field == ELEMENT:
        return Pair({field: {**TEXT, **test}}, {field: {**TEXT, "$not": test}})
    no_list = {"$not": A_LIST}
    return Pair({field: {**TEXT, **test, **no_list}}, {field: {**TEXT, **no_list}, "$nor": [{field: test}]})


@dataclass(frozen=True, slots=True)
class Sized:
    """A text of that many code points, or a list of that many elements: `low` and `high` belong to it."""

    value: Operand
    low: int
    high: int

    def test(self) -> Test:
        read = self.value.reader()

        def sized(facts: Facts) -> Truth:
            value = read(facts)
            if isinstance(value, str) or is_list(value):
                return self.low <= len(value) <= self.high
            return value if isinstance(value, Fault) else Fault(f"{name_of(value)} has no size")

        return sized

    def pair(self, known: Facts, fields: Fields) -> Pair:
        if not (isinstance(self.value, Attribute) and self.value.stored):
            return settled(self, known)
        field, low, high = self.value.place(fields), max(0, self.low), self.high
        sizes = [{field: {"$size": size}} for size in range(low, high + 1)]
        pattern = f"^(?s:.{{{low},{high}}})\\z" if sizes else "^(?!)"
        if not sizes:
            return Pair(None, either({field: {**TEXT, "$not": A_LIST}}, {field: A_LIST}))
        text = _texts(field, {"$regex": pattern})
        return Pair(either(text.true, *sizes), either(text.false, {field: A_LIST, "$nor": sizes}))

    def explain(self, facts: Facts) -> str:
        return f"size({self.value}) in {self.low}..{self.high} ({read_aloud(self.value, facts)})"
