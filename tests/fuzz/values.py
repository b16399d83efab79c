"""Values by their GraphQL types, as JSON and as literals: good ones, edges, and what others make of them."""

import json
from dataclasses import dataclass, replace
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    is_required_input_field,
)
from hypothesis import strategies as st

from tests.fuzz.pools import Place, usual

TEXTS: Final = (
    "",
    "a",
    "alice",
    "sales",
    "$where",
    '{"$gt": ""}',
    "a.b",
    "\x00",
    ".*",
    "(a+)+$",
    "\r\nX: y",
    "\x1b[31m",
    "é\u202e\ufeff",
    "\U0001f600" * 40,
    "x" * 3_000,
    "conversation:read",
    "message:append",
    "*",
    "user.region == resource.region",
    "1 == 1 || " * 30 + "true",
    "'; DROP TABLE users; --",
    "../../etc/passwd",
    "\u0130\u212a",
    "2026-01-01",
)
ODD: Final = 12
"""One in so many values, and one more, is no usual one."""
INTEGERS: Final = (0, 1, 1, 2, 3, 5, 20, -1, 101, 2**31 - 1, -(2**31), 2**31, 10**30)
FLOATS: Final = (0.0, -1.5, 1e308, 5e-324, 3)
MOMENTS: Final = (
    "2026-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999-12:00",
    "2026-01-01T00:00:00",
    "2026-02-30T00:00:00Z",
    "now",
    "",
    "2026-W01-1",
)
DATES: Final = ("2026-01-01", "0001-01-01", "9999-12-31", "2026-02-30", "x")
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.sampled_from(INTEGERS + FLOATS) | st.sampled_from(TEXTS[:14]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "$gt", "a.b", "", "__proto__", "region"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@dataclass(frozen=True)
class Values:
    """`ids`: what there is, and what there was, to ask for; `places`: what of it belongs together."""

    ids: tuple[str, ...]
    places: tuple[Place, ...] = ()

    def somewhere(self, draw: st.DrawFn) -> "Values":
        """Those of a document, which mostly is about one place."""
        return replace(self, places=(draw(st.sampled_from(self.places)),)) if self.places else self

    def draw(self, draw: st.DrawFn, type_: GraphQLInputType, depth: int = 0, name: str = "") -> Any:
        """A value of the type, as JSON; mostly one that is usual by that name, now and then none of its type."""
        if isinstance(type_, GraphQLNonNull):
            return self.draw(draw, type_.of_type, depth, name)
        if draw(st.integers(0, 150)) == 0:
            return draw(JSON)
        if isinstance(type_, GraphQLList):
            number = draw(st.integers(0, 3 - min(depth, 2)))
            return [self.draw(draw, type_.of_type, depth + 1, name) for _ in range(number)]
        if isinstance(type_, GraphQLInputObjectType):
            return self._object(draw, type_, depth)
        if isinstance(type_, GraphQLEnumType):
            return draw(st.sampled_from(sorted(type_.values)))
        usually: list[Any] = list(usual(name, type_.name, draw(st.sampled_from(self.places)))) if self.places else []
        if usually and draw(st.integers(0, ODD)) > 0:
            return draw(st.sampled_from(usually))
        return draw(self._scalar(type_.name))

    def _object(self, draw: st.DrawFn, type_: GraphQLInputObjectType, depth: int) -> dict[str, Any]:
        rare = 2 + 2 * depth
        if type_.is_one_of:
            name = draw(st.sampled_from(sorted(type_.fields)))
            return {name: self.draw(draw, type_.fields[name].type, depth + 1, name)}
        return {
            name: self.draw(draw, field.type, depth + 1, name)
            for name, field in type_.fields.items()
            if is_required_input_field(field) or draw(st.integers(0, rare)) == 0
        }

    def _scalar(self, name: str) -> st.SearchStrategy[Any]:
        strategies: dict[str, st.SearchStrategy[Any]] = {
            "Int": st.sampled_from(INTEGERS[:11]),
            "Float": st.sampled_from(FLOATS),
            "Boolean": st.booleans(),
            "ID": st.sampled_from([*self.ids, *self.ids[:4], *TEXTS[:4]]),
            "DateTime": st.sampled_from(MOMENTS),
            "Date": st.sampled_from(DATES),
            "JSON": JSON,
        }
        return strategies.get(name, st.sampled_from(TEXTS))


def literal(value: Any, type_: GraphQLInputType) -> str:
    """A value as a document has it."""
    if isinstance(type_, GraphQLNonNull):
        return literal(value, type_.of_type)
    if isinstance(value, list):
        inner = type_.of_type if isinstance(type_, GraphQLList) else type_
        return "[" + ", ".join(literal(each, inner) for each in value) + "]"
    if isinstance(value, dict):
        fields = type_.fields if isinstance(type_, GraphQLInputObjectType) else {}
        each = (
            f"{_name(name)}: {literal(one, fields[name].type if name in fields else type_)}"
            for name, one in value.items()
        )
        return "{" + ", ".join(each) + "}"
    if isinstance(type_, GraphQLEnumType) and isinstance(value, str) and value in type_.values:
        return value
    return json.dumps(value)


def _name(name: str) -> str:
    return name if name.isidentifier() else "x"
