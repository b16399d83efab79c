"""From text to conditions, checked against a schema on the way.

INVARIANT: a schema only refuses. What a text means doesn't depend on it, so a stored condition stays what it was.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from permissions.engine.branches import Flag, If, Unlistable
from permissions.engine.cel.nodes import Call, Constant, Fold, Node, Place, Select
from permissions.engine.cel.syntax import read
from permissions.engine.cel.values import (
    BOOL,
    COMPARISONS,
    SHARED,
    Said,
    Value,
    Values,
    is_condition,
    is_nameable,
    refuse,
)
from permissions.engine.comparisons import Equal, Has, In, Ordered
from permissions.engine.conditions import AllOf, AnyOf, Broken, Condition, Not
from permissions.engine.errors import ConditionError
from permissions.engine.folds import MOST, Exists
from permissions.engine.operands import SCOPES, Attribute, Computed, Element, Fault, Literal
from permissions.engine.schema import ANY, LENIENT, Schema, Type
from permissions.engine.shares import ACCESSES, Shared
from permissions.engine.texts import SIZES, Sized, Text
from permissions.engine.values import ORDERED, Kind

NESTED_FOLDS: Final = 2
"""`exists` within `exists`, and no further: the cost is the product of the lists."""
ORDERS: Final = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
LEAVES: Final = (Equal, Ordered, In, Text, Flag)
"""What a filter can say of one element of a stored list."""


def compiled(text: str, schema: Schema = LENIENT) -> Condition:
    """The condition, or `ConditionError`."""
    return Conditions(schema).condition(read(text)).condition


def compiled_closed(text: object) -> Condition:
    """The condition, or one that nothing can meet: for what is stored already."""
    return _remembered(text) if isinstance(text, str) else Broken(Fault("not the text of a condition"))


@lru_cache(maxsize=5_000)
def _remembered(text: str) -> Condition:
    try:
        return compiled(text)
    except ConditionError as error:
        return Broken(Fault(str(error)))


class Conditions(Values):
    """One condition's making."""

    def condition(self, node: Node) -> Said:
        """The node as something that is true or false."""
        match node:
            case Constant(value=bool(value)):
                return Said(AllOf(()) if value else AnyOf(()), varies=False)
            case Select(test=True):
                attribute, _ = self.attribute(node)
                return Said(Has(attribute), attribute.stored)
            case Fold():
                return self._fold(node)
            case Call(function="_?_:_"):
                return self._if(node)
            case Call(function="shared", target=None):
                return self._shared(node)
            case Call() if is_condition(node):
                return self._call_condition(node)
        return self._flag(node)

    def _shared(self, call: Call) -> Said:
        """By a fixed text: so that everybody can tell which rules look at shares, and what they give."""
        (arg,) = call.args if len(call.args) == 1 else (None,)
        access = arg.value if isinstance(arg, Constant) else None
        if access not in ACCESSES:
            refuse(f'`{SHARED}` is for "read" or "write", as it stands there', call.sign, ACCESSES)
        if not self.schema.shares:
            refuse("only conversations and their messages are shared", call.sign)
        return Said(Shared(access), varies=True)

    def _call_condition(self, call: Call) -> Said:
        if call.function == "!_":
            said = self.condition(call.args[0])
            return Said(Not(said.condition), said.varies)
        if call.function in ("_&&_", "_||_"):
            return self._combined(call)
        if call.target is not None:
            return self._text(call, self.value(call.target), [self.value(arg) for arg in call.args])
        sign, (left, right) = COMPARISONS[call.function], [self.value(arg) for arg in call.args]
        return self._in(call, left, right) if sign == "in" else self._compared(call, sign, left, right)

    def _combined(self, call: Call) -> Said:
        cls = AllOf if call.function == "_&&_" else AnyOf
        said = [self.condition(arg) for arg in call.args]
        parts: list[Condition] = []
        for each in said:
            parts += (
                each.condition.parts if isinstance(each.condition, cls) and each.condition.parts else [each.condition]
            )
        return Said(cls(tuple(parts)), any(each.varies for each in said))

    def _if(self, call: Call) -> Said:
        condition, yes, no = (self.condition(arg) for arg in call.args)
        said = If(condition.condition, yes.condition, no.condition)
        return Said(said, condition.varies or yes.varies or no.varies)

    def _flag(self, node: Node) -> Said:
        value = self.value(node)
        if value.type not in (BOOL, ANY):
            refuse(f"neither true nor false, but {value.type}", node.at)
        return self._listable(Flag(value.operand), value, node.at)

    def _compared(self, call: Call, sign: str, left: Value, right: Value) -> Said:
        _check_comparable(call, sign, left.type, right.type)
        sized = _sized(call, sign, left, right)
        if sized is not None:
            return Said(sized, varies=True)
        if sign in ORDERS:
            compared: Condition = Ordered(ORDERS[sign], left.operand, right.operand)
        else:
            compared = Equal(left.operand, right.operand)
        said = self._listable_pair(compared, left, right, call.sign)
        return Said(Not(said.condition), said.varies) if sign == "!=" else said

    def _in(self, call: Call, item: Value, within: Value) -> Said:
        if item.type.many or not (within.type.many or within.type == ANY):
            refuse(f"can't look for {item.type} in {within.type}", call.sign)
        _check_kinds("look for", "in a list of", call.sign, item.type.kind, within.type.kind)
        condition = In(item.operand, within.operand)
        if isinstance(within.operand, Element) and within.varies:
            return self._unlistable(condition, "of a list in a list", call.sign)
        return self._listable_pair(condition, item, within, call.sign)

    def _text(self, call: Call, whole: Value, parts: Sequence[Value]) -> Said:
        given = [whole.type, *(part.type for part in parts)]
        if len(given) != 2 or any(each.many or each.kind not in (Kind.STRING, None) for each in given):
            refuse(f"`{call.function}` is not for {', '.join(map(str, given))}", call.sign, ["string, string"])
        condition = Text(call.function, whole.operand, parts[0].operand)
        if parts[0].varies:
            return self._unlistable(condition, "of a part that is stored itself", call.sign)
        return self._listable(condition, whole, call.sign)

    def _fold(self, fold: Fold) -> Said:
        over = self.value(fold.over)
        if not over.type.many and over.type != ANY:
            refuse(f"`exists` and `all` are for lists, not for {over.type}", fold.at)
        element = self._bind(fold, over)
        said = self.condition(fold.holds)
        del self.variables[fold.variable]
        if is_nameable(over):
            return self._stored_fold(fold, over, element, said)
        condition = _exists(fold, over, said.condition)
        return (
            self._unlistable(condition, "of a computed list", fold.at) if over.varies else Said(condition, said.varies)
        )

    def _bind(self, fold: Fold, over: Value) -> Element:
        if fold.variable in SCOPES or fold.variable in self.variables:
            refuse(f"`{fold.variable[:64]}` is taken: choose another variable", fold.at)
        if len(self.variables) == NESTED_FOLDS:
            refuse(f"`exists` and `all` nest {NESTED_FOLDS} deep at most", fold.at)
        element = Element(fold.variable, len(self.variables), is_nameable(over))
        of_element = Type(over.type.kind) if over.type.many else ANY
        self.variables[fold.variable] = Value(element, of_element, over.varies)
        return element

    def _stored_fold(self, fold: Fold, over: Value, element: Element, said: Said) -> Said:
        spread = AllOf if fold.every else AnyOf  # exists(a || b) is exists(a) || exists(b)
        parts = (
            said.condition.parts if isinstance(said.condition, spread) and said.condition.parts else (said.condition,)
        )
        if isinstance(over.operand, Element) or not all(_is_about(part, element, said) for part in parts):
            condition = _exists(fold, over, said.condition)
            return self._unlistable(condition, "of a stored list, but for one comparison of its element", fold.at)
        folded = tuple(_exists(fold, over, part, most=None) for part in parts)
        return Said(spread(folded) if len(folded) > 1 else folded[0], varies=True)

    def _listable_pair(self, condition: Condition, left: Value, right: Value, at: Place) -> Said:
        if left.varies and right.varies:
            return self._unlistable(condition, "that compares the resource with itself", at)
        return self._listable(condition, left if left.varies else right, at)

    def _listable(self, condition: Condition, value: Value, at: Place) -> Said:
        if value.varies and not is_nameable(value):
            return self._unlistable(condition, "of what is computed from stored attributes", at)
        return Said(condition, value.varies)

    def _unlistable(self, condition: Condition, what: str, at: Place) -> Said:
        if self.schema.listed:
            refuse(f"lists of these resources could not be filtered by a condition {what}", at)
        return Said(Unlistable(condition), varies=True)


def _exists(fold: Fold, over: Value, holds: Condition, most: int | None = MOST) -> Condition:
    if fold.every:
        return Not(Exists(fold.variable, over.operand, Not(holds), most))
    return Exists(fold.variable, over.operand, holds, most)


def _is_about(condition: Condition, element: Element, said: Said) -> bool:
    """Whether it is one comparison of that element, which a filter can say; or hangs on nothing stored at all."""
    leaf = condition.part if isinstance(condition, Not) else condition
    if not said.varies or leaf in (AllOf(()), AnyOf(())):
        return True
    return isinstance(leaf, LEAVES) and element in (getattr(leaf, name) for name in leaf.__slots__)


def _sized(call: Call, sign: str, left: Value, right: Value) -> Condition | None:
    """`size(…) > 3` of something stored; None where it isn't that."""
    if isinstance(right.operand, Literal):
        return _size_within(call.args[0], left, sign, right.operand.value)
    if isinstance(left.operand, Literal):
        return _size_within(call.args[1], right, MIRRORED.get(sign, sign), left.operand.value)
    return None


def _size_within(node: Node, size: Value, sign: str, limit: object) -> Condition | None:
    if not (size.varies and isinstance(size.operand, Computed) and isinstance(node, Call) and node.function == "size"):
        return None
    of = size.operand.parts[0]
    if not isinstance(of, Attribute) or type(limit) is not int or not 0 <= limit <= SIZES:
        return None
    sized = Sized(of, limit if sign in ("==", "!=") else 0, limit - 1 if sign in ("<", ">=") else limit)
    return Not(sized) if sign in ("!=", ">", ">=") else sized


def _check_comparable(call: Call, sign: str, left: Type, right: Type) -> None:
    if left.many or right.many:
        refuse("lists can't be compared: use `in`, `exists` or `all`", call.sign)
    for each in (left, right):
        if sign in ORDERS and each.kind is not None and each.kind not in ORDERED:
            refuse(f"{each.kind} has no order", call.sign)
        if each.kind in (Kind.ADDRESS, Kind.NETWORK):
            refuse(f"{each.kind} can't be compared: use `containsIP` or compare the texts", call.sign)
    _check_kinds("compare", "with", call.sign, left.kind, right.kind)


def _check_kinds(verb: str, joined: str, at: Place, left: Kind | None, right: Kind | None) -> None:
    if None not in (left, right) and left is not right and Kind.NULL not in (left, right):
        refuse(f"can't {verb} {left} {joined} {right}", at)
