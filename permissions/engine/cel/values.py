"""From nodes to what conditions compare, with what is known of its type."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, NoReturn

from permissions.engine.branches import Chosen, Judged
from permissions.engine.cel.functions import CONVERSIONS, GLOBALS, METHODS, OPERATORS, Function
from permissions.engine.cel.nodes import Call, Constant, Items, Name, Node, Other, Place, Select
from permissions.engine.conditions import Condition
from permissions.engine.errors import ConditionError
from permissions.engine.operands import SCOPES, Attribute, Computed, Element, Fault, Literal, Operand
from permissions.engine.schema import ANY, NAME, Schema, Type
from permissions.engine.texts import HOW
from permissions.engine.values import Kind, kind

BOOL: Final = Type(Kind.BOOL)
CONNECTIVES: Final = frozenset({"_&&_", "_||_", "!_"})
COMPARISONS: Final = {"_==_": "==", "_!=_": "!=", "_<_": "<", "_<=_": "<=", "_>_": ">", "_>=_": ">=", "@in": "in"}
SHARED: Final = "shared"
"""The function that looks at shares."""
LEFT_OUT: Final = {
    "matches": "regular expressions are left out, as some take forever: use startsWith, endsWith, contains or `in`",
    "_[_]": "nothing is picked by `[…]`: use `.` for attributes, and `in`, `exists` or `all` for lists",
}


class Value(NamedTuple):
    """`varies` tells whether it differs from one stored resource to the next."""

    operand: Operand
    type: Type
    varies: bool


class Said(NamedTuple):
    """A condition, and whether it differs from one stored resource to the next."""

    condition: Condition
    varies: bool


def refuse(reason: str, at: Place, known: Iterable[str] = ()) -> NoReturn:
    """Raise the `ConditionError` of that place."""
    raise ConditionError(reason, at.line, at.column, known)


class Values:
    """Reads values; what they hang on as conditions is read by `Conditions`, which inherits this."""

    def __init__(self, schema: Schema) -> None:
        self.schema: Final = schema
        self.variables: Final[dict[str, Value]] = {}

    def condition(self, node: Node) -> Said:
        """The node as something that is true or false."""
        raise NotImplementedError

    def value(self, node: Node) -> Value:
        """The node as something that can be compared."""
        match node:
            case Constant():
                return self._constant(node)
            case Name():
                return self._name(node)
            case Select(test=False):
                return self._attribute(node)
            case Items():
                return self._list(node)
            case Call() if not is_condition(node):
                return self._call(node)
            case Other(what=what):
                refuse(f"{what} can't be used here", node.at)
        said = self.condition(node)
        return Value(Judged(said.condition, "(…)"), BOOL, said.varies)

    def attribute(self, select: Select) -> tuple[Attribute, Type]:
        """The attribute that `select` names, if there is one."""
        scope, name = select.of.name if isinstance(select.of, Name) else "", select.field
        if scope not in SCOPES:
            refuse("only `user`, `resource` and `env` have attributes, and these have none of their own", select.at)
        of_name = self.schema.type_of(scope, name) if NAME.fullmatch(name) else None
        if of_name is None:
            known = self.schema.known(scope)
            refuse(f"unknown attribute `{scope}.{name[:64]}`{_meant(name, known)}", select.at, known)
        return Attribute(scope, name), of_name

    def _constant(self, constant: Constant) -> Value:
        if constant.kind in ("uint", "bytes"):
            refuse(f"no attribute is of type {constant.kind}", constant.at)
        return Value(Literal(constant.value), Type(kind(constant.value)), varies=False)

    def _name(self, name: Name) -> Value:
        if name.name in self.variables:
            return self.variables[name.name]
        if name.name in SCOPES:
            refuse(f"`{name.name}` is no value: name an attribute of it", name.at, self.schema.known(name.name))
        known = [*SCOPES, *self.variables]
        refuse(f"unknown name `{name.name[:64]}`{_meant(name.name, known)}", name.at, known)

    def _attribute(self, select: Select) -> Value:
        attribute, of_attribute = self.attribute(select)
        return Value(attribute, of_attribute, attribute.stored)

    def _list(self, items: Items) -> Value:
        values = [self.value(item) for item in items.items]
        for item, value in zip(items.items, values, strict=True):
            if value.type.many:
                refuse("a list can't stand in a list", item.at)
        kinds = {value.type.kind for value in values}
        of_list = Type(kinds.pop() if len(kinds) == 1 else None, many=True)
        operands = [value.operand for value in values]
        literals = [operand.value for operand in operands if isinstance(operand, Literal)]
        if len(literals) == len(operands):
            return Value(Literal(tuple(literals)), of_list, varies=False)
        text = f"[{', '.join(map(str, operands))}]"
        return Value(Computed(text, _listed, tuple(operands)), of_list, any(value.varies for value in values))

    def _call(self, call: Call) -> Value:
        if call.function == "_?_:_":
            return self._chosen(call)
        name, function, known = _function(call)
        nodes = (call.target, *call.args) if call.target else call.args
        if function is None:
            if name in LEFT_OUT:
                refuse(LEFT_OUT[name], call.sign)
            refuse(f"unknown function `{name[:64]}`{_meant(name, known)}", call.sign, known)
        return self._apply(call, name, function, [self.value(node) for node in nodes])

    def _apply(self, call: Call, name: str, function: Function, given: Sequence[Value]) -> Value:
        found = function.returns([value.type for value in given])
        if found is None:
            ways = [", ".join(map(str, wanted)) for wanted, _ in function.takes]
            refuse(f"`{name}` is not for {', '.join(str(value.type) for value in given)}", call.sign, ways)
        wanted, gives = found
        parts = tuple(self._converted(arg, each, call.at) for arg, each in zip(wanted, given, strict=True))
        operand = _checked(
            Computed(_text(call, name, [each.operand for each in given]), function.compute, parts), call.at
        )
        return Value(operand, gives, any(value.varies for value in given))

    def _converted(self, wanted: Type, given: Value, at: Place) -> Operand:
        convert = CONVERSIONS.get(wanted)
        if convert is None or given.type == wanted:
            return given.operand
        return _checked(Computed(str(given.operand), convert, (given.operand,)), at)

    def _chosen(self, call: Call) -> Value:
        condition, yes, no = self.condition(call.args[0]), self.value(call.args[1]), self.value(call.args[2])
        varies = condition.varies or yes.varies or no.varies
        return Value(
            Chosen(condition.condition, yes.operand, no.operand), yes.type if yes.type == no.type else ANY, varies
        )


def is_condition(call: Call) -> bool:
    """Whether the call says true or false in a way that `Conditions` knows."""
    return (
        call.function in CONNECTIVES
        or call.function in COMPARISONS
        or (call.target is None and call.function == SHARED)
        or (call.target is not None and call.function in HOW)
    )


def is_nameable(value: Value) -> bool:
    """Whether a filter can name it: something stored, and nothing made of it."""
    return isinstance(value.operand, Attribute | Element) and value.operand.stored


def _function(call: Call) -> tuple[str, Function | None, Iterable[str]]:
    if call.function in OPERATORS:
        return (*OPERATORS[call.function], ())
    if call.target is None:
        return call.function, GLOBALS.get(call.function), (*GLOBALS, SHARED)
    return call.function, METHODS.get(call.function), (*METHODS, *HOW)


def _text(call: Call, name: str, operands: Sequence[Operand]) -> str:
    texts = list(map(str, operands))
    if call.function in OPERATORS:
        return f"({f' {name} '.join(texts)})" if len(texts) > 1 else f"{name}{texts[0]}"
    if call.target is not None:
        return f"{texts[0]}.{name}({', '.join(texts[1:])})"
    return f"{name}({', '.join(texts)})"


def _checked(computed: Computed, at: Place) -> Operand:
    """Computed here and now, if it hangs on nothing: what is wrong with it is said at once."""
    if not all(isinstance(part, Literal) for part in computed.parts):
        return computed
    value = computed.fixed()
    if isinstance(value, Fault):
        refuse(value.reason, at)
    return computed if kind(value) is None else Literal(value)


def _listed(*values: object) -> tuple[object, ...]:
    return values


def _meant(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f": did you mean `{near[0]}`?" if near else ""
