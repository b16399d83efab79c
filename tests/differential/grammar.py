"""Valid documents of any schema, as tangled as people and programs write them.

Drawn from `Random` alone: the same seed writes the same ones, many a second. That they are valid is seen to by
construction, but for fields of one name whose types differ by what an object turns out to be; those are thrown away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Protocol

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLNamedOutputType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_composite_type,
    is_required_argument,
)

from tests.differential.cases import Case
from tests.differential.literals import Variables

Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType
ALIASES: Final = ("a", "b", "c", "id", "name")
DEEPEST: Final = 7
TRIES: Final = 20
ABOUT_SCHEMA: Final = (
    "__schema { queryType { name kind } }",
    '__type(name: "Message") { kind fields { name type { kind ofType { name } } } }',
    '__type(name: "None") { name }',
    "__schema { __typename directives { name } }",
)


class Values(Protocol):
    """Where arguments come from."""

    def roots(self, kind: str) -> Sequence[str]:
        """Names of root fields, those that are asked for often several times."""

    def told(self, chance: Random, root: str) -> Mapping[str, Any]:
        """Arguments for a root field that tell something; or none, where any may do."""

    def value(self, chance: Random, name: str, type_: GraphQLInputType, depth: int) -> Any:
        """One for an argument of this name, as JSON; mostly, but not always, a good one."""


@dataclass
class Writer:
    """One document. `left`: how many fields more it may have."""

    chance: Random
    schema: GraphQLSchema
    values: Values
    left: int
    variables: Variables
    named: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """What a response name stands for, by type: fields of one name must be the same field."""
    fragments: dict[str, tuple[Composite, str]] = field(default_factory=dict)
    prefix: str = "F"
    always: bool = False
    """Whether the root field must be there, as that of a subscription must."""

    def texts(self) -> list[str]:
        """Its fragments."""
        return [text for _, text in self.fragments.values()]

    def operation(self, kind: str, name: str) -> str:
        """One, without its fragments."""
        root: GraphQLObjectType = getattr(self.schema, f"{kind}_type")
        wanted = self.values.roots(kind)
        number = 1 if kind == "subscription" else self.chance.choice((1, 1, 2, 3))
        parts = [self._field(root, self.chance.choice(wanted), 0) for _ in range(number)]
        if kind != "subscription":
            if self._seldom(4):
                parts.insert(self.chance.randrange(len(parts) + 1), self._fragment_of(root, 1))
            if self._seldom(8):
                parts.append("__typename")
            if kind == "query" and self._seldom(25):
                parts.append(self.chance.choice(ABOUT_SCHEMA))
        declared = self.variables.declared()
        head = f"{kind} {name}{declared} " if name or declared or kind != "query" else ""
        return f"{head}{{ {' '.join(parts)} }}"

    def _seldom(self, one_in: int) -> bool:
        return self.chance.randrange(one_in) == 0

    def _selection(self, type_: Composite, depth: int) -> str:
        parts: list[str] = []
        names = [] if isinstance(type_, GraphQLUnionType) else list(type_.fields)
        for _ in range(self.chance.choice((1, 2, 2, 3, 3, 4, 6))):
            parts.append(self._part(type_, names, depth))
            if self._seldom(12):
                parts.append(self._again(type_, depth))
        return f"{{ {' '.join(filter(None, parts)) or '__typename'} }}"

    def _part(self, type_: Composite, names: list[str], depth: int) -> str:
        if self._seldom(9):
            return f"{self.chance.choice(('', '', 't: '))}__typename{self._directives()}"
        abstract = not isinstance(type_, GraphQLObjectType)
        if not names or self._seldom(3 if abstract else 8):
            return self._fragment_of(type_, depth) if depth < DEEPEST else "__typename"
        name = self.chance.choice(names)
        if depth >= DEEPEST or self.left <= 0:
            plain = [each for each in names if not is_composite_type(get_named_type(_fields(type_)[each].type))]
            if not plain:
                return "__typename"
            name = self.chance.choice(plain)
        return self._field(type_, name, depth)

    def _again(self, type_: Composite, depth: int) -> str:
        """What was asked for before, with something more or less of it: the selections merge."""
        before = [answer for of, answer in self.named if of == type_.name]
        if not before or isinstance(type_, GraphQLUnionType):
            return ""
        answer = self.chance.choice(before)
        name, arguments = self.named[type_.name, answer]
        return self._written(answer, name, arguments, _fields(type_)[name], depth)

    def _field(self, type_: Composite, name: str, depth: int) -> str:
        self.left -= 1
        of = _fields(type_)[name]
        answer = self.chance.choice(ALIASES) if self._seldom(6) else name
        known = self.named.get((type_.name, answer))
        if known is not None and known[0] != name:
            answer = f"{name}_{len(self.named)}"
            known = None
        if known is None:
            known = self.named[type_.name, answer] = name, self._arguments(name, of, depth)
        return self._written(answer, name, known[1], of, depth)

    def _written(self, answer: str, name: str, arguments: str, of: GraphQLField, depth: int) -> str:
        inner = get_named_type(of.type)
        below = self._selection(inner, depth + 1) if isinstance(inner, Composite) else ""
        head = name if answer == name else f"{answer}: {name}"
        directives = "" if self.always and depth == 0 else self._directives()
        return f"{head}{arguments}{directives} {below}".strip()

    def _arguments(self, name: str, of: GraphQLField, depth: int) -> str:
        told = dict(self.values.told(self.chance, name)) if depth == 0 and self.chance.random() < 0.7 else {}
        given = []
        for each, argument in of.args.items():
            if each in told:
                given.append((each, argument, told[each]))
            elif is_required_argument(argument) or self.chance.random() < _often(each, depth):
                given.append((each, argument, self.values.value(self.chance, each, argument.type, depth)))
        texts = [f"{each}: {self._literal(value, argument)}" for each, argument, value in given]
        if self._seldom(4):
            self.chance.shuffle(texts)
        return f"({', '.join(texts)})" if texts else ""

    def _literal(self, value: Any, argument: GraphQLArgument) -> str:
        return self.variables.written(value, argument.type, argument.default_value)

    def _directives(self) -> str:
        if not self._seldom(7):
            return ""
        kept = self.chance.random() < 0.7
        one = self.chance.choice(("include", "skip"))
        text = f" @{one}(if: {self.variables.boolean(kept == (one == 'include'))})"
        if self._seldom(6):
            text += f" @{'skip' if one == 'include' else 'include'}(if: {self.variables.boolean(self._seldom(2))})"
        return text

    def _fragment_of(self, type_: Composite, depth: int) -> str:
        """Inline or named, on the type itself or on what it may be, too."""
        fitting = [name for name, (on, _) in self.fragments.items() if self._meet(on, type_)]
        if fitting and self._seldom(2):
            return f"...{self.chance.choice(fitting)}{self._directives()}"
        on = self.chance.choice(self._around(type_))
        text = self._selection(on, depth + 1)
        if self._seldom(3):
            name = f"{self.prefix}{len(self.fragments)}"
            self.fragments[name] = on, f"fragment {name} on {on.name} {text}"
            return f"...{name}{self._directives()}"
        head = "..." if on is type_ and self._seldom(2) else f"... on {on.name}"
        return f"{head}{self._directives()} {text}"

    def _around(self, type_: Composite) -> list[Composite]:
        if isinstance(type_, GraphQLObjectType):
            abstract = [each for each in self.schema.type_map.values() if isinstance(each, GraphQLUnionType)]
            unions: list[Composite] = [each for each in abstract if type_ in each.types]
            return [type_, type_, *type_.interfaces, *unions]
        possible = self.schema.get_possible_types(type_)
        return [type_, *possible] if isinstance(type_, GraphQLInterfaceType) else list(possible)

    def _meet(self, one: Composite, other: Composite) -> bool:
        return bool(self._possible(one) & self._possible(other))

    def _possible(self, type_: Composite) -> set[str]:
        if isinstance(type_, GraphQLObjectType):
            return {type_.name}
        return {each.name for each in self.schema.get_possible_types(type_)}


def _fields(type_: GraphQLNamedOutputType) -> dict[str, GraphQLField]:
    assert isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
    fields: dict[str, GraphQLField] = type_.fields
    return fields


def _often(name: str, depth: int) -> float:
    """Lists within lists must not be long."""
    return 0.85 if name == "first" and depth else 0.3


def document(chance: Random, schema: GraphQLSchema, values: Values, kind: str = "query") -> Case:
    """A valid one, for nobody yet."""
    for _ in range(TRIES):
        case = _drawn(chance, schema, values, kind)
        if not case.flaws(schema):
            return case
    return Case("{ __typename }")


def _drawn(chance: Random, schema: GraphQLSchema, values: Values, kind: str) -> Case:
    left = chance.choice((3, 6, 12, 12, 25, 40))
    two = chance.randrange(12) == 0
    name = "One" if two or kind != "query" else chance.choice(("", "", "One"))
    writer = Writer(chance, schema, values, left, Variables(chance), always=kind == "subscription")
    texts = [writer.operation(kind, name), *writer.texts()]
    if two:
        other = Writer(chance, schema, values, left // 2, Variables(chance, often=0), prefix="G")
        texts += [other.operation("query", "Two"), *other.texts()]
    if chance.randrange(2):
        chance.shuffle(texts)
    return Case("\n".join(texts), writer.variables.given(), name or None)
