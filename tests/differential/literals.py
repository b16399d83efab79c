"""Values as a document has them: written out, or as variables that are given, are null, or are not there."""

from random import Random
from typing import Any, Final

from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    Undefined,
)

from tests.fuzz.values import literal

NONSENSE: Final[tuple[Any, ...]] = ({"a": 1}, [[]], "x", -1.5, True, 10**12, [None])


class Variables:
    """Those of one operation. `often`: the part of all values that are variables."""

    def __init__(self, chance: Random, often: float = 0.35) -> None:
        self._chance: Final = chance
        self._often: Final = often
        self._declared: dict[str, str] = {}
        self._given: dict[str, Any] = {}
        self._known: dict[str, list[str]] = {}

    def declared(self) -> str:
        """As they stand behind an operation's name."""
        return f"({', '.join(f'${name}: {text}' for name, text in self._declared.items())})" if self._declared else ""

    def given(self) -> dict[str, Any]:
        """What is sent with it; now and then more than is asked for."""
        return self._given | ({"unknown": 1} if self._given and self._chance.randrange(20) == 0 else {})

    def boolean(self, value: bool) -> str:
        """For a directive."""
        if self._chance.random() >= self._often * 1.5:
            return str(value).lower()
        known = [
            each
            for each in self._known.get("Boolean!", ())
            if self._chance.randrange(2) or self._given.get(each) == value
        ]
        return f"${known[0]}" if known else self._variable(value, "Boolean!", value, nullable=False)

    def written(self, value: Any, type_: GraphQLInputType, default: Any = Undefined) -> str:
        """For an argument, or what is in one; `default` is its own."""
        if self._chance.random() < self._often:
            return self._as_variable(value, type_, default)
        return self._plain(value, type_)

    def _plain(self, value: Any, type_: GraphQLInputType) -> str:
        inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if isinstance(inner, GraphQLInputObjectType) and isinstance(value, dict):
            some = [
                f"{name}: {self.written(each, inner.fields[name].type, inner.fields[name].default_value)}"
                for name, each in value.items()
                if name in inner.fields
            ]
            return "{" + ", ".join(some) + "}"
        if isinstance(inner, GraphQLList) and isinstance(value, list):
            if len(value) == 1 and self._chance.randrange(4) == 0 and not isinstance(inner.of_type, GraphQLList):
                return self._plain(value[0], inner.of_type)  # one for a list of one
            return "[" + ", ".join(self.written(each, inner.of_type) for each in value) + "]"
        return literal(value, type_)

    def _as_variable(self, value: Any, type_: GraphQLInputType, default: Any) -> str:
        text = str(type_)
        required = text.endswith("!")
        known = self._known.get(text)
        if known and self._chance.randrange(4) == 0:
            return f"${self._chance.choice(known)}"
        if required and default is not Undefined and default is not None and self._chance.randrange(2):
            return self._variable(value, text[:-1], value, nullable=False)  # not sent: the argument's own default
        if not required and self._chance.randrange(3) == 0:
            return self._variable(value, f"{text}!", self._plain_only(value, type_), nullable=False)
        return self._variable(value, text, self._plain_only(value, type_), nullable=not required)

    def _plain_only(self, value: Any, type_: GraphQLInputType) -> str:
        return literal(value, type_)

    def _variable(self, value: Any, text: str, default: Any, *, nullable: bool) -> str:
        name = f"v{len(self._declared)}"
        written = str(default).lower() if isinstance(default, bool) else str(default)
        with_default = self._chance.randrange(3) == 0 and not (nullable is False and written == "null")
        self._declared[name] = text + (f" = {written}" if with_default else "")
        self._known.setdefault(text, []).append(name)
        match self._chance.randrange(14):
            case 0 | 1 if with_default or not text.endswith("!"):
                pass
            case 2 if nullable:
                self._given[name] = None
            case 3 if self._chance.randrange(4) == 0:
                self._given[name] = self._chance.choice(NONSENSE)
            case 4 if self._chance.randrange(8) == 0:
                pass  # required, and not there
            case _:
                self._given[name] = value
        return f"${name}"
