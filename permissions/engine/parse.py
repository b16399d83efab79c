"""Reads conditions from their stored form, plain data, and says where it is wrong.

`{"op": "all" | "any", "of": […]}`, `{"op": "not", "of": …}`, `{"op": "has", "of": "resource.region"}`,
`{"op": "eq" | "ne" | "lt" | "lte" | "gt" | "gte" | "in", "left": …, "right": …}`, where a side is the name of an
attribute (`"user.region"`) or `{"value": …}`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from permissions.engine.comparisons import ORDERS, Equal, Has, In, Ordered
from permissions.engine.conditions import AllOf, AnyOf, Broken, Condition, Not
from permissions.engine.errors import ConditionError
from permissions.engine.operands import SCOPES, Attribute, Fault, Literal, Operand, sides
from permissions.engine.values import kind, storable

DEEPEST: Final = 32
"""Levels of a condition: the embedded MongoDB dies of filters a thousand levels deep."""
LARGEST: Final = 1000
"""Parts of a condition, listed values included."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)


def parse(data: object) -> Condition:
    """The condition, or `ConditionError`."""
    return _Parser().condition(data, "", DEEPEST)


def parse_closed(data: object) -> Condition:
    """The condition, or one that nothing can meet: for what is stored already."""
    try:
        return parse(data)
    except ConditionError as error:
        return Broken(Fault(str(error)))


class _Parser:
    """One condition's reading; counts what it has read."""

    def __init__(self) -> None:
        self.left = LARGEST

    def condition(self, data: object, where: str, levels: int) -> Condition:
        self._count(where)
        if levels == 0:
            raise ConditionError(where, f"nested deeper than {DEEPEST}")
        if not isinstance(data, Mapping):
            raise ConditionError(where, "not an object with `op`")
        op = data.get("op")
        if op in ("all", "any", "not", "has"):
            _only(data, {"op", "of"}, where)
            return self._combined(op, data["of"], f"{where}.of".lstrip("."), levels - 1)
        _only(data, {"op", "left", "right"}, where)
        return self._compared(op, data, where)

    def _combined(self, op: str, of: object, where: str, levels: int) -> Condition:
        if op == "has":
            return Has(_attribute(of, where))
        if op == "not":
            return Not(self.condition(of, where, levels))
        if not isinstance(of, list | tuple):
            raise ConditionError(where, "not a list of conditions")
        parts = tuple(self.condition(part, f"{where}[{n}]", levels) for n, part in enumerate(of))
        return AllOf(parts) if op == "all" else AnyOf(parts)

    def _compared(self, op: object, data: Mapping[str, Any], where: str) -> Condition:
        build = _COMPARISONS.get(op) if isinstance(op, str) else None
        if build is None:
            raise ConditionError(where, f"unknown operator `{str(op)[:40]}`")
        left = self._operand(data["left"], f"{where}.left".lstrip("."), listed=False)
        right = self._operand(data["right"], f"{where}.right".lstrip("."), listed=op == "in")
        found = sides(left, right)
        if found and isinstance(found[1], Attribute) and found[1].stored:
            raise ConditionError(where, "compares the resource with itself, by which no list can be filtered")
        return build(left, right)

    def _operand(self, data: object, where: str, *, listed: bool) -> Operand:
        if not isinstance(data, Mapping):
            return _attribute(data, where)
        _only(data, {"value"}, where)
        value = data["value"]
        if not listed:
            return Literal(_scalar(value, where))
        if not isinstance(value, list | tuple):
            raise ConditionError(where, "not a list")
        for _ in value:
            self._count(where)
        return Literal(tuple(_scalar(element, where) for element in value))

    def _count(self, where: str) -> None:
        self.left -= 1
        if self.left < 0:
            raise ConditionError(where, f"more than {LARGEST} parts")


def _not_equal(left: Operand, right: Operand) -> Condition:
    return Not(Equal(left, right))


def _ordered(order: str) -> Callable[[Operand, Operand], Condition]:
    return lambda left, right: Ordered(order, left, right)


_COMPARISONS: Final[Mapping[str, Callable[[Operand, Operand], Condition]]] = {
    "eq": Equal,
    "ne": _not_equal,
    "in": In,
    **{order: _ordered(order) for order in ORDERS},
}


def _only(data: Mapping[str, Any], wanted: set[str], where: str) -> None:
    if data.keys() != wanted:
        raise ConditionError(where, f"needs exactly {', '.join(f'`{key}`' for key in sorted(wanted))}")


def _attribute(data: object, where: str) -> Attribute:
    scope, _, name = data.partition(".") if isinstance(data, str) else ("", "", "")
    if scope not in SCOPES or not _NAME.fullmatch(name):
        raise ConditionError(where, "not the name of an attribute of `user`, `resource` or `env`")
    return Attribute(scope, name)


def _scalar(value: object, where: str) -> object:
    if kind(value) is None or not storable(value):
        raise ConditionError(where, f"not a value to compare with: {type(value).__name__}")
    return value
