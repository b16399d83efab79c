"""Documents by the grammar and the schema: valid, nearly valid, and a soup of tokens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    GraphQLCompositeType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_required_argument,
)
from hypothesis import strategies as st

from tests.fuzz.values import TEXTS, Values, literal

TOKENS: Final = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ":",
    "=",
    "!",
    "|",
    "&",
    "@",
    "$",
    "...",
    "query",
    "mutation",
    "subscription",
    "fragment",
    "on",
    "true",
    "false",
    "null",
    "a",
    "b",
    "id",
    "me",
    "node",
    "conversation",
    "conversations",
    "messages",
    "first",
    "edges",
    "cursor",
    "__typename",
    "__schema",
    "__type",
    "0",
    "-1",
    "1.5e9",
    "9999999999999999999",
    "$v",
    "$id",
    "@include",
    "@skip(if:",
    "@stream",
    "@defer",
    "type",
    "schema",
    "extend",
    "input",
    "{",
    "}",
    "{",
    "}",
    "(",
    ")",
    "#",
    ",",
    "\ufeff",
    "\x00",
    "é",
    '"',
    '"""',
    "'",
    '"x"',
    '"""x\n"""',
    '"\\u{1F600}"',
    '"\\ud800"',
    "\n",
    "#x\n",
]
Asked = Mapping[str, Any]
LEAVING: Final = frozenset(
    {
        "logout",
        "endAllSessions",
        "endOtherSessions",
        "revokeTokens",
        "endSession",
        "login",
        "refreshSession",
        "changePassword",
    }
    | {"deleteConversation", "deleteMessage", "eraseUser", "disableUser", "resetPassword", "deleteRole", "updateRole"}
    | {"putPolicy", "promotePolicy", "endRoleAssignment", "setUserAttributes"}
)
"""Seldom asked for: whoever has left, or has nothing and no right any more, is told nothing of all the rest."""


RULING: Final = LEAVING | frozenset(
    {
        "createUser",
        "disableUser",
        "enableUser",
        "resetPassword",
        "createServiceAccount",
        "renewServiceSecret",
        "createRole",
    }
    | {
        "updateRole",
        "deleteRole",
        "assignRole",
        "endRoleAssignment",
        "putPolicy",
        "putResourceType",
        "setUserAttributes",
    }
    | {"eraseUser", "promotePolicy", "rotateSigningKey", "registerOperations", "removeOperations", "trustedOperations"}
    | {"users", "role", "roles", "policies", "resourceTypes", "replay", "policyPromotion", "whoHasAccess", "simulate"}
    | {"auditEvents", "decisionLog", "erasure", "revocations", "permissionEvents"}
)
"""What administrators ask for: others seldom do."""


@dataclass
class Document:
    """One that is being written: what it has declared so far, and how much it may still grow."""

    draw: st.DrawFn
    schema: GraphQLSchema
    values: Values
    left: int = 25
    seldom: frozenset[str] = LEAVING
    usual: list[str] = field(default_factory=list)
    variables: dict[str, tuple[str, Any]] = field(default_factory=dict)
    fragments: list[str] = field(default_factory=list)

    def operation(self, kind: str, root: GraphQLObjectType) -> str:
        """The whole text."""
        names = sorted(root.fields if self.draw(st.integers(0, 9)) == 0 else root.fields.keys() - self.seldom)
        name = self.draw(st.sampled_from(names))
        self.usual = [each for each in sorted(root.fields) if each not in self.seldom]
        selected = "{ " + self._field(name, root.fields[name], 0) + (self._more(root) if kind == "query" else "") + "}"
        declared = ", ".join(f"${name}: {type_}" for name, (type_, _) in self.variables.items())
        head = f"{kind} Fuzz{f'({declared})' if declared else ''} " if declared or kind != "query" else ""
        return " ".join([head + selected, *self.fragments])

    def _more(self, root: GraphQLObjectType) -> str:
        names = self.draw(st.lists(st.sampled_from(["__typename", *self.usual]), max_size=1))
        return "".join(
            f"x{n}: {self._field(name, root.fields[name], 0)}" for n, name in enumerate(names) if name in root.fields
        )

    def _field(self, name: str, of: GraphQLField, depth: int) -> str:
        self.left -= 1
        alias = f"a{self.left}: ".replace("-", "_") if depth and self.draw(st.integers(0, 5)) == 0 else ""
        arguments = [
            f"{each}: {self._argument(each, argument.type)}"
            for each, argument in of.args.items()
            if is_required_argument(argument) or self.draw(st.integers(0, 3)) == 0
        ]
        if "first" in of.args and not any(each.startswith(("first", "last")) for each in arguments):
            arguments.append(f"first: {self.draw(st.integers(1, 5))}")
        directive = self.draw(st.sampled_from([""] * 8 + ["@include(if: true) ", "@skip(if: false) "]))
        text = alias + name + (f"({', '.join(arguments)})" if arguments else "") + " " + directive
        return text + self._selection(get_named_type(of.type), depth + 1)

    def _argument(self, of: str, type_: Any) -> str:
        value = self.values.draw(self.draw, type_, 0, of)
        if self.draw(st.booleans()):
            return literal(value, type_)
        name = f"v{len(self.variables)}"
        self.variables[name] = (str(type_), value)
        return f"${name}"

    def _selection(self, type_: GraphQLNamedType, depth: int) -> str:
        if isinstance(type_, GraphQLUnionType):
            return "{ __typename " + self._narrowed(type_, depth) + "} "
        if not isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            return ""
        names = self.draw(st.lists(st.sampled_from(sorted(type_.fields)), min_size=1, max_size=4, unique=True))
        if self.left <= 0 or depth > 6:
            names = [
                name for name in names if not isinstance(get_named_type(type_.fields[name].type), GraphQLCompositeType)
            ]
        inner = "".join(self._field(name, type_.fields[name], depth) for name in names) or "__typename "
        inner += self._narrowed(type_, depth) if isinstance(type_, GraphQLInterfaceType) else ""
        match self.draw(st.integers(0, 12)):
            case 0:
                self.fragments.append(f"fragment f{len(self.fragments)} on {type_.name} {{ {inner}}}")
                return f"{{ ...f{len(self.fragments) - 1} }} "
            case 1:
                return f"{{ ... on {type_.name} {{ {inner}}} }} "
        return f"{{ {inner}}} "

    def _narrowed(self, type_: GraphQLUnionType | GraphQLInterfaceType, depth: int) -> str:
        if self.left <= 0 or depth > 6:
            return ""
        one = self.draw(st.sampled_from(sorted(self.schema.get_possible_types(type_), key=lambda each: each.name)))
        return f"... on {one.name} {self._selection(one, depth + 1)}"


@st.composite
def valid(
    draw: st.DrawFn, schema: GraphQLSchema, values: Values, kinds: tuple[str, ...], seldom: frozenset[str] = LEAVING
) -> Asked:
    """Every field, argument and type of the schema may come; values are mostly of their types."""
    kind = draw(st.sampled_from(kinds))
    root = {"query": schema.query_type, "mutation": schema.mutation_type, "subscription": schema.subscription_type}[
        kind
    ]
    assert root is not None
    document = Document(draw, schema, values.somewhere(draw), seldom=seldom)
    text = document.operation(kind, root)
    return {"query": text, "variables": {name: value for name, (_, value) in document.variables.items()}}


@st.composite
def nearly(draw: st.DrawFn, of: st.SearchStrategy[Asked]) -> Asked:
    """A valid one in which a few words are missing, doubled, exchanged or others; or whose variables are."""
    asked = dict(draw(of))
    words = str(asked["query"]).split(" ")
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(words) - 1))
        change = draw(st.sampled_from(["drop", "double", "other", "text", "swap"]))
        new = {
            "drop": [],
            "double": [words[at]] * 2,
            "other": [draw(st.sampled_from(TOKENS))],
            "text": [repr(draw(st.sampled_from(TEXTS)))],
        }
        if change == "swap":
            other = draw(st.integers(0, len(words) - 1))
            words[at], words[other] = words[other], words[at]
        else:
            words[at : at + 1] = new[change]
        words = words or [""]
    asked["query"] = " ".join(words)
    if draw(st.integers(0, 4)) == 0:
        asked["variables"] = draw(
            st.sampled_from([{}, None, {"v0": None}, {"v0": [[[]]]}, {"v0": {"$gt": ""}, "x": 1}])
        )
    if draw(st.integers(0, 8)) == 0:
        asked["operationName"] = draw(st.sampled_from(["Fuzz", "Other", "", None]))
    return asked


soup: Final = st.lists(st.sampled_from(TOKENS), max_size=40).map(lambda tokens: {"query": " ".join(tokens)})
KINDS: Final = ("query",) * 20 + ("mutation",) * 8 + ("subscription",)


def documents(
    schema: GraphQLSchema, values: Values, kinds: tuple[str, ...] = KINDS, seldom: frozenset[str] = LEAVING
) -> st.SearchStrategy[Asked]:
    """All of them; root fields that are `seldom` asked for are those that the caller may not have, mostly."""
    good = valid(schema, values, kinds, seldom)
    some: list[st.SearchStrategy[Asked]] = [*[good] * 5, *[nearly(good)] * 2, soup]
    return st.sampled_from(some).flatmap(lambda one: one)  # `one_of` would take five of the same for one
