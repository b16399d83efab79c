"""Comparisons: each operator's Python closure and its MongoDB filter, side by side."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from permissions.engine.conditions import Test, Truth, settled
from permissions.engine.facts import Facts
from permissions.engine.filters import NOTHING, UNKNOWN, Fields, Pair, both, either, neither
from permissions.engine.operands import Attribute, Fault, Operand, compared, sides
from permissions.engine.values import (
    BSON_TYPES,
    ORDERED,
    Kind,
    alike,
    is_list,
    kind,
    name_of,
    same,
    stored_bound,
    stored_forms,
)

NAN: Final = float("nan")
NOT_A_LIST: Final = {"$not": {"$type": "array"}}
"""MongoDB would compare with each element of a list."""
SCALARS: Final = [name for names in BSON_TYPES.values() for name in names]


@dataclass(frozen=True, slots=True)
class Equal:
    """Both the same. Null equals null alone; other kinds that differ can't be compared."""

    left: Operand
    right: Operand

    def test(self) -> Test:
        read_left, read_right = self.left.reader(), self.right.reader()

        def equal(facts: Facts) -> Truth:
            left, right = read_left(facts), read_right(facts)
            if type(left) is type(right) and alike(left):  # the common case
                same: bool = left == right
                return same
            return _equal(left, right)

        return equal

    def pair(self, known: Facts, fields: Fields) -> Pair:
        found = sides(self.left, self.right)
        if found is None:
            return settled(self, known)
        field, value = found[0].place(fields), found[1].reader()(known)
        of_value = kind(value)
        if of_value is None:
            return UNKNOWN
        alike, forms = BSON_TYPES.get(of_value, ()), stored_forms(value)
        comparable = SCALARS if of_value is Kind.NULL else [*alike, *BSON_TYPES[Kind.NULL]]
        return Pair(
            {field: {"$eq": forms[0], "$type": [*alike], **NOT_A_LIST}} if forms else NOTHING,
            {field: {"$nin": [*forms, NAN], "$type": comparable, **NOT_A_LIST}},
        )

    def explain(self, facts: Facts) -> str:
        return compared(self.left, "==", self.right, facts)


def _equal(left: object, right: object) -> Truth:
    if isinstance(left, Fault):
        return left
    if isinstance(right, Fault):
        return right
    of_left, of_right = kind(left), kind(right)
    if of_left is None or of_right is None or (of_left is not of_right and Kind.NULL not in (of_left, of_right)):
        return Fault(f"can't compare {name_of(left)} with {name_of(right)}")
    return of_left is of_right and left == right


ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
SIGNS: Final = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
MIRRORED: Final = {"lt": "gt", "lte": "gte", "gt": "lt", "gte": "lte"}
OPPOSITE: Final = {"lt": "gte", "lte": "gt", "gt": "lte", "gte": "lt"}


@dataclass(frozen=True, slots=True)
class Ordered:
    """`order` is a key of `ORDERS`. Between two numbers, two strings (by code point) or two times."""

    order: str
    left: Operand
    right: Operand

    def test(self) -> Test:
        read_left, read_right, holds = self.left.reader(), self.right.reader(), ORDERS[self.order]

        def ordered(facts: Facts) -> Truth:
            left, right = read_left(facts), read_right(facts)
            if type(left) is int and type(right) is int:  # the common case
                return holds(left, right)
            return _ordered(left, right, holds)

        return ordered

    def pair(self, known: Facts, fields: Fields) -> Pair:
        found = sides(self.left, self.right)
        if found is None:
            return settled(self, known)
        field, value = found[0].place(fields), found[1].reader()(known)
        of_value = kind(value)
        if of_value is None or of_value not in ORDERED or of_value not in BSON_TYPES:
            return UNKNOWN
        order, bound = stored_bound(self.order if found[0] is self.left else MIRRORED[self.order], value)
        like = {"$type": [*BSON_TYPES[of_value]], **NOT_A_LIST}
        return Pair({field: {f"${order}": bound, **like}}, {field: {f"${OPPOSITE[order]}": bound, **like}})

    def explain(self, facts: Facts) -> str:
        return compared(self.left, SIGNS[self.order], self.right, facts)


def _ordered(left: object, right: object, holds: Callable[[Any, Any], bool]) -> Truth:
    if isinstance(left, Fault):
        return left
    if isinstance(right, Fault):
        return right
    of_left = kind(left)
    if of_left not in ORDERED or of_left is not kind(right):
        return Fault(f"can't order {name_of(left)} and {name_of(right)}")
    return holds(left, right)


@dataclass(frozen=True, slots=True)
class In:
    """A scalar that stands in a list. Elements of another kind are merely different."""

    item: Operand
    within: Operand

    def test(self) -> Test:
        read_item, read_within = self.item.reader(), self.within.reader()
        return lambda facts: _contained(read_item(facts), read_within(facts))

    def pair(self, known: Facts, fields: Fields) -> Pair:
        found = sides(self.item, self.within)
        if found is None:
            return settled(self, known)
        field, value = found[0].place(fields), found[1].reader()(known)
        return _has_element(field, value) if found[0] is self.within else _is_one_of(field, value)

    def explain(self, facts: Facts) -> str:
        return compared(self.item, "in", self.within, facts)


def _contained(item: object, within: Any) -> Truth:
    if isinstance(item, Fault):
        return item
    if isinstance(within, Fault):
        return within
    if type(item) is str and (type(within) is list or type(within) is tuple):  # the common case
        return item in within
    if kind(item) is None or not is_list(within):
        return Fault(f"can't look for {name_of(item)} in {name_of(within)}")
    return any(same(item, element) for element in within)


def _has_element(field: str, value: object) -> Pair:
    of_value = kind(value)
    if of_value is None:
        return UNKNOWN
    has = [{field: {"$elemMatch": {"$eq": form, "$type": [*BSON_TYPES[of_value]]}}} for form in stored_forms(value)]
    return Pair(either(*has), both({field: {"$type": "array"}}, neither(*has)))


def _is_one_of(field: str, values: Any) -> Pair:
    if not is_list(values):
        return UNKNOWN
    wanted = [form for value in values if kind(value) is not None for form in stored_forms(value)]
    scalar = {"$type": SCALARS, **NOT_A_LIST}
    return Pair({field: {"$in": wanted, **scalar}}, {field: {"$nin": [*wanted, NAN], **scalar}})


@dataclass(frozen=True, slots=True)
class Has:
    """The attribute is there, be it null. Never a fault."""

    attribute: Attribute

    def test(self) -> Test:
        read = self.attribute.reader()
        return lambda facts: not isinstance(read(facts), Fault)

    def pair(self, known: Facts, fields: Fields) -> Pair:
        if not self.attribute.stored:
            return settled(self, known)
        field = fields[self.attribute.name]
        return Pair({field: {"$exists": True}}, {field: {"$exists": False}})

    def explain(self, facts: Facts) -> str:
        return f"has({self.attribute})"
