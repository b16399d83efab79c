"""From text to nodes. INVARIANT: the only module that knows the library which parses (Google's, in C++)."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from cel_expr_python import cel

from permissions.engine.cel.nodes import Call, Constant, Fold, Items, Name, Node, Other, Place, Select
from permissions.engine.cel.wire import Message
from permissions.engine.errors import ConditionError

LONGEST: Final = 4096
"""Characters of a condition."""
LARGEST: Final = 1000
"""Nodes of a condition. How deep they nest is limited by the library, to 32."""

_SAID: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_START: Final = Place(1, 1)


def read(text: str) -> Node:
    """The expression, or `ConditionError` with the place of the first fault."""
    if len(text) > LONGEST:
        raise ConditionError(f"longer than {LONGEST} characters", *_START)
    try:
        text.encode()
        parsed = _parser().compile(text, disable_check=True).serialize()
    except UnicodeEncodeError as error:
        raise ConditionError("half of a surrogate pair", *_place(text, error.start)) from None
    except RuntimeError as error:
        raise _refusal(str(error)) from None
    return _Reader(text, Message(parsed).message(2)).tree


@cache
def _parser() -> cel.Env:
    return cel.NewEnv(variables={})


def _refusal(said: str) -> ConditionError:
    found = _SAID.search(said)
    if found is None or "recursion" in said:
        return ConditionError("nested too deep", *_START)
    reason = found[3].removeprefix("Syntax error: ").partition(" expecting ")[0]
    return ConditionError(reason[:200], int(found[1]), int(found[2]))


def _place(text: str, offset: int) -> Place:
    before = text[:offset]
    return Place(before.count("\n") + 1, offset - before.rfind("\n"))


class _Reader:
    """One expression's reading (google/cel-spec, proto/cel/expr/syntax.proto)."""

    def __init__(self, text: str, parsed: Message) -> None:
        self._text: Final = text
        self._offsets: Final = {each.number(1): each.number(2) for each in parsed.message(3).messages(4)}
        self._left = LARGEST
        self.tree: Final = self._node(parsed.message(2))

    def _node(self, expr: Message) -> Node:
        self._left -= 1
        if self._left < 0:
            raise ConditionError(f"more than {LARGEST} parts", *_START)
        for number, build in _BUILDERS.items():
            if number in expr:
                return build(self, expr.message(number), self._at(expr))
        return Other(self._at(expr), "an empty expression")

    def _at(self, expr: Message) -> Place:
        return _place(self._text, self._offsets.get(expr.number(2), 0))

    def _constant(self, constant: Message, at: Place) -> Node:
        for number, (kind, value) in _CONSTANTS.items():
            if number in constant:
                return Constant(at, value(constant, number), kind)
        return Other(at, "an unknown constant")

    def _name(self, ident: Message, at: Place) -> Node:
        return Name(at, ident.text(1))

    def _select(self, select: Message, at: Place) -> Node:
        of = self._node(select.message(1))
        return Select(of.at, of, select.text(2), bool(select.number(3)))

    def _call(self, call: Message, at: Place) -> Node:
        function = call.text(2)
        target = self._node(call.message(1)) if 1 in call else None
        args = tuple(self._node(arg) for arg in call.messages(3))
        if re.fullmatch(r"\w+", function):  # the place is that of the parenthesis
            at = at._replace(column=max(1, at.column - len(function)))
        begins = target or (args[0] if function[:1] in "_@" and args else None)
        return Call(begins.at if begins else at, function, target, args, at)

    def _items(self, items: Message, at: Place) -> Node:
        return Items(at, tuple(self._node(item) for item in items.messages(1)))

    def _struct(self, struct: Message, at: Place) -> Node:
        return Other(at, "a map or message")

    def _fold(self, fold: Message, at: Place) -> Node:
        """`exists` and `all` are macros: known by what they begin with, and by the step that they repeat."""
        step, begins = fold.message(6).message(6), fold.message(4)
        every = _EVERY.get((step.text(2), begins.message(3).number(2)))
        if every is None:
            return Other(at, "a macro other than `exists`, `all` and `has`")
        over, holds = self._node(fold.message(2)), self._node(step.messages(3)[1])
        return Fold(over.at, every, fold.text(1), over, holds)


_Builder = Callable[[_Reader, Message, Place], Node]
_BUILDERS: Final[Mapping[int, _Builder]] = {
    3: _Reader._constant,
    4: _Reader._name,
    5: _Reader._select,
    6: _Reader._call,
    7: _Reader._items,
    8: _Reader._struct,
    9: _Reader._fold,
}
_CONSTANTS: Final[Mapping[int, tuple[str, Callable[[Message, int], Any]]]] = {
    1: ("null", lambda constant, number: None),
    2: ("bool", lambda constant, number: bool(constant.number(number))),
    3: ("int", Message.number),
    4: ("uint", Message.number),
    5: ("double", Message.double),
    6: ("string", Message.text),
    7: ("bytes", Message.data),
}
_EVERY: Final = {("_||_", 0): False, ("_&&_", 1): True}
