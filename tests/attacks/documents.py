"""Documents that ask for too much, or make a server work too long before it says so."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

TOO_COMPLEX, TOO_LARGE, BAD = "QUERY_TOO_COMPLEX", "PAYLOAD_TOO_LARGE", "BAD_USER_INPUT"


@dataclass(frozen=True)
class Attack:
    """`code` is the first error's; None where the document is harmless here, and must only be answered quickly."""

    name: str
    document: str
    code: str | None
    variables: Mapping[str, Any] = field(default_factory=dict)


def nested(open_: str, close: str, times: int, within: str = "") -> str:
    """`within`, inside so many pairs."""
    return open_ * times + within + close * times


def fragments(count: int, body: Callable[[int], str], last: str = "me { id }") -> str:
    """`f0` to `f{count}` on the query; `body` says what each but the last has."""
    each = "".join(f"fragment f{number} on Query {{ {body(number)} }} " for number in range(count))
    return each + f"fragment f{count} on Query {{ {last} }}"


def _doubling(count: int) -> str:
    """Each user in two places: what is asked for doubles with each fragment."""
    each = "".join(
        f"fragment f{number} on User {{ a: roleAssignments {{ user {{ ...f{number + 1} }} }} "
        f"b: roleAssignments {{ user {{ ...f{number + 1} }} }} }} "
        for number in range(count)
    )
    return f"{{ me {{ ...f0 }} }} {each} fragment f{count} on User {{ id }}"


def _values(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": [value]}
    return value


ASK: Final = "query ($v: [PermissionQuestion!]!) { checkPermissions(input: $v) { id } }"
SET: Final = "mutation ($v: JSON!) { startConversation(input: {attributes: $v}) { conversation { id } } }"

ATTACKS: Final = (
    Attack(
        "chained fragments, doubled each time",
        "{ ...f0 } " + fragments(60, lambda n: f"...f{n + 1} ...f{n + 1}"),
        TOO_COMPLEX,
    ),
    Attack("chained fragments within fields", _doubling(40), TOO_COMPLEX),
    Attack("a long chain of fragments", "{ ...f0 } " + fragments(250, lambda n: f"...f{n + 1}"), None),
    Attack("a cycle of two fragments", "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }", BAD),
    Attack("a cycle of many fragments", "{ ...f0 } " + fragments(200, lambda n: f"...f{n + 1}", "...f0"), TOO_COMPLEX),
    Attack(
        "every fragment beside every other",
        "{ " + " ".join(f"...f{n}" for n in range(150)) + " } " + fragments(149, lambda _: "me { id }"),
        TOO_COMPLEX,
    ),
    Attack("10,000 aliases", "{ " + " ".join(f"a{n}: __typename" for n in range(10_000)) + " }", TOO_LARGE),
    Attack("150 aliases", "{ " + " ".join(f"a{n}: __typename" for n in range(150)) + " }", TOO_COMPLEX),
    Attack("the same field 1,900 times", "{ me { " + "id " * 1_900 + "} }", TOO_COMPLEX),
    Attack("the same object 450 times", "{ me { " + "roleAssignments { id } " * 450 + "} }", TOO_COMPLEX),
    Attack(
        "the same object in many inline fragments",
        "{ me { " + "... { roleAssignments { id } } " * 210 + "} }",
        TOO_COMPLEX,
    ),
    Attack("the same root field 450 times", "{ " + "me { id } " * 450 + "}", TOO_COMPLEX),
    Attack(
        "the same field with arguments",
        "{ node(id: 1) { id ... on Conversation { " + "messages(first: 1) { __typename } " * 180 + "} } }",
        TOO_COMPLEX,
    ),
    Attack(
        "deeply nested fields", "{ me { " + nested("roleAssignments { user { ", "} }", 60, "id ") + "} }", TOO_COMPLEX
    ),
    Attack("deeply nested inline fragments", "{ " + nested("... { ", "} ", 900, "__typename ") + "}", TOO_COMPLEX),
    Attack("a deeply nested list", "{ checkPermissions(input: " + nested("[", "]", 900) + ") { id } }", TOO_COMPLEX),
    Attack(
        "a deeply nested object",
        "mutation { startConversation(input: {attributes: "
        + nested("{a: ", "}", 400, "1")
        + "}) { conversation { id } } }",
        TOO_COMPLEX,
    ),
    Attack("a list that ends nowhere", "{ checkPermissions(input: " + "[" * 50_000, TOO_COMPLEX),
    Attack("many directives on a field", "{ __typename " + "@include(if: true) " * 280 + "}", TOO_COMPLEX),
    Attack("many unknown directives on a field", "{ __typename " + "@x " * 900 + "}", TOO_COMPLEX),
    Attack("directives on a variable", "query ($v: Int " + "@x " * 900 + ") { __typename }", TOO_COMPLEX),
    Attack("a huge string", '{ node(id: "' + "a" * 4_000_000 + '") { id } }', TOO_LARGE),
    Attack("a string that is heard out only", '{ node(id: "' + "a" * 7_000_000 + '") { id } }', TOO_LARGE),
    Attack(
        "a huge string of what stands between values", '{ node(id: "' + ":[,{" * 1_000_000 + '") { id } }', TOO_LARGE
    ),
    Attack("a huge string of quotes", '{ node(id: "' + '\\"' * 650_000 + '") { id } }', TOO_LARGE),
    Attack("a huge block string", '{ node(id: """' + " a\n" * 1_000_000 + '""") { id } }', TOO_LARGE),
    Attack("a huge comment", "#" * 4_000_000 + "\n{ __typename }", TOO_LARGE),
    Attack("a huge name", "{ " + "a" * 60_000 + " }", TOO_COMPLEX),
    Attack(
        "long names that don't exist", "{ " + " ".join(f"a{n}" + "x" * 1_000 for n in range(48)) + " }", TOO_COMPLEX
    ),
    Attack("names that don't exist", "{ me { " + " ".join(f"conversation{n}" for n in range(900)) + " } }", BAD),
    Attack("many operations", " ".join(f"query q{n} {{ __typename }}" for n in range(300)), TOO_COMPLEX),
    Attack(
        "many operations, one of them named",
        " ".join(f"query q{n} {{ ...f }}" for n in range(200)) + " fragment f on Query { me { id } }",
        TOO_COMPLEX,
    ),
    Attack("many variables", "query (" + " ".join(f"$v{n}: Int" for n in range(400)) + ") { __typename }", BAD),
    Attack(
        "introspection of introspection",
        "{ __schema { types { " + nested("fields { type { ", "} } ", 60, "name ") + "} } }",
        TOO_COMPLEX,
    ),
    Attack(
        "introspection in a circle",
        "{ __schema { types { " + nested("fields { type { ", "} } ", 5, "name ") + "} } }",
        BAD,
    ),
    Attack("a deep value of a variable", SET, TOO_COMPLEX, {"v": _values(400)}),
    Attack("a wide value of a variable", SET, TOO_COMPLEX, {"v": {"a": [1] * 200_000}}),
    Attack("a large value of a variable", SET, TOO_LARGE, {"v": {"a": "x" * 4_000_000}}),
    Attack("a variable with large keys", SET, TOO_LARGE, {"v": {"k" * 4_000_000: 1}}),
    Attack("many values for no variable", "{ __typename }", TOO_COMPLEX, {f"v{n}": n for n in range(50_000)}),
    Attack(
        "questions by the thousand", ASK, TOO_COMPLEX, {"v": [{"action": "a:b", "resource": {"type": "a"}}] * 5_000}
    ),
    Attack("a number of 60,000 digits", "{ conversations(first: " + "9" * 60_000 + ") { edges { cursor } } }", BAD),
    Attack("nothing but tokens", "{ " + "a " * 30_000 + "}", TOO_COMPLEX),
    Attack("unclosed", "{" * 60_000, TOO_COMPLEX),
)
