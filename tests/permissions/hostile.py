"""Random worlds of rules, and documents as nasty as MongoDB stores them."""

import json
import random
from datetime import UTC, datetime
from typing import Any, Final

from bson import Decimal128, ObjectId
from hypothesis import strategies as st

from permissions.engine.cel.compile import compiled
from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.errors import ConditionError
from permissions.engine.facts import Assignment, Env, Resource, Subject
from permissions.engine.rulebook import Grant, Policy, Role
from permissions.engine.rules import Effect
from permissions.engine.schema import Schema
from permissions.engine.snapshot import Snapshot
from permissions.resources import CONVENTIONS
from tests.permissions.worlds import NOON

OWNERS: Final = tuple(ObjectId(f"{n:024x}") for n in range(1, 4))

SCALARS: Final[list[Any]] = [
    *(None, True, False),
    *(0, 1, 2, -1, 1.0, 0.0, -0.0, 2.5, 2**31, 2**53, 2**53 + 1, float(2**53), 2**63 - 1),
    *(float("inf"), float("-inf"), float("nan")),
    *("", "a", "A", "1", "true", "EMEA", "é", "e\u0301", "\U0001f600", "\uffff", "a.b", "$a", "/a/", "\0"),
    *(NOON, datetime(1969, 12, 31, tzinfo=UTC)),
    *OWNERS,
]
LISTS: Final[list[Any]] = [
    [],
    [None],
    [1],
    [True],
    [1.0],
    [[1]],
    ["a"],
    [["a"]],
    ["EMEA", 1, None],
    [float("nan")],
    [{}],
]
STORED: Final[list[Any]] = [*SCALARS, *LISTS, {}, {"a": 1}, {"0": 1}, Decimal128("1"), b"a"]
UNSTORABLE: Final[list[Any]] = [2**63, 2**70, "\ud800", datetime(2026, 3, 2, 12)]  # noqa: DTZ001
KEYS: Final = ("a", "b", "a.b", "$a", "a.0", "A", "owner_id", "id", "")


def documents(count: int) -> list[dict[str, Any]]:
    """Always the same ones: each value under `a` once, the rest mixed."""
    chance = random.Random(20260302)
    mixed = [{key: chance.choice(STORED) for key in KEYS if chance.random() < 0.4} for _ in range(count)]
    plain: list[dict[str, Any]] = [{"a": value} for value in STORED]
    alike = [{"a": value, "b": value} for value in STORED]
    return [
        {"_id": ObjectId(f"{n:024x}"), "owner_id": OWNERS[n % 3], "attributes": attributes}
        for n, attributes in enumerate([*plain, *alike, *mixed])
    ]


def resource(document: dict[str, Any]) -> Resource:
    """As `permissions.resources` makes it of a conversation."""
    return Resource("conversation", document["_id"], {**document["attributes"], "owner_id": document["owner_id"]})


def written(value: object) -> str:
    """A value as CEL writes it."""
    if isinstance(value, datetime):
        return f'timestamp("{value.isoformat()}")'
    if isinstance(value, float):
        return str(value).replace("inf", "1e999")
    return json.dumps(value) if not isinstance(value, str) else '"' + "".join(map(_letter, value)) + '"'


def _letter(letter: str) -> str:
    return letter if letter.isalnum() and letter.isascii() else f"\\U{ord(letter):08x}"


def is_literal(value: object) -> bool:
    return not isinstance(value, ObjectId) and value == value  # NaN has no literal


def _is_listable(text: str) -> bool:
    """Whether it passes the check at writing, where nothing is known of attributes."""
    try:
        compiled(text, Schema(open=frozenset({"user", "resource", "env"})))
    except ConditionError:
        return False
    return True


def _texts(*parts: Any) -> st.SearchStrategy[str]:
    """The parts, one after the other."""
    return st.tuples(*(st.just(part) if isinstance(part, str) else part for part in parts)).map("".join)


values = st.sampled_from([*SCALARS, *UNSTORABLE])
lists = st.lists(values, max_size=4) | st.sampled_from(LISTS)
fixed = st.sampled_from([written(value) for value in SCALARS if is_literal(value)])
listed = st.lists(fixed, max_size=4).map(lambda items: f"[{', '.join(items)}]")
of_resource = st.sampled_from([f"resource.{name}" for name in ("a", "b", "owner_id", "id", "type", "none")])
named = st.sampled_from([f"user.{name}" for name in ("a", "b", "id", "roles", "none")] + ["env.time", "env.a"])
computed = _texts("(", named | fixed, st.sampled_from(["+", "-", "*", "/", "%"]), named | fixed, ")") | _texts(
    "(has(", named, ") ? ", named, " : ", fixed, ")"
)
known = st.deferred(lambda: named | computed)
signs = st.sampled_from([" == ", " != ", " < ", " <= ", " > ", " >= "])
searches = st.sampled_from([".startsWith(", ".endsWith(", ".contains("])
some_list = st.deferred(lambda: known | listed | _texts("[", known, ", ", known, "]"))


def _of(item: Any) -> st.SearchStrategy[str]:
    """One comparison of `item` with what is known."""
    return (
        _texts(item, signs, known | fixed)
        | _texts(known | fixed, signs, item)
        | _texts(item, " in ", some_list)
        | _texts(item, searches, known | fixed, ")")
        | (st.just(item) if isinstance(item, str) else item)
    )


def _folded(over: Any, holds: st.SearchStrategy[str], joined: str, macro: str) -> st.SearchStrategy[str]:
    several = st.lists(holds | _texts("!(", holds, ")"), min_size=1, max_size=2).map(joined.join)
    return _texts(over, f".{macro}(e, ", several, ")")


of_element = st.deferred(lambda: _of("e") | st.just("true"))
of_both = (
    _texts("e", signs, of_resource)
    | _texts("e in ", of_resource)
    | _texts(of_resource, searches, "e)")
    | _texts(of_resource, " in [e]")
    | _texts(of_resource, ".exists(f, f == e)")
    | _texts(of_resource, ".all(f, f != e)")
)
comparisons = st.deferred(
    lambda: (
        _of(of_resource)
        | _of(known)
        | _texts(known | fixed, " in ", of_resource)
        | _texts("has(", of_resource | named, ")")
        | _texts("size(", of_resource, ")", signs, st.integers(0, 3).map(str))
        | _folded(of_resource, of_element, " || ", "exists")
        | _folded(of_resource, of_element, " && ", "all")
        | _folded(some_list, of_both, " || ", "exists")
        | _folded(some_list, of_both, " && ", "all")
        | _folded(some_list, of_both, " && ", "exists")
    )
)


def _combined(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    parts = st.lists(_texts("(", part, ")"), min_size=1, max_size=3)
    return (
        parts.map(" && ".join)
        | parts.map(" || ".join)
        | _texts("!(", part, ")")
        | _texts("(", part, ") ? (", part, ") : (", part, ")")
    )


_conditions = st.recursive(comparisons.filter(_is_listable), _combined, max_leaves=5)


@st.composite
def _condition_texts(draw: st.DrawFn) -> str:
    """A condition: a strategy with a short name, as hypothesis writes it out and the whole is huge."""
    return draw(_conditions)


conditions = _condition_texts()
effects = st.sampled_from(Effect)
patterns = st.sampled_from(["conversation:read", "conversation:*", "*", "message:read"])
grants = st.builds(Grant, effects, patterns, st.none() | conditions)
policies = st.builds(
    Policy,
    st.sampled_from(["p", "q"]),
    effects,
    st.lists(patterns, min_size=1, max_size=2).map(tuple),
    st.none() | conditions,
    st.none() | conditions,
)


@st.composite
def role_lists(draw: st.DrawFn) -> list[Role]:
    """Up to four roles, each inheriting from some of those before it."""
    names = [f"r{n}" for n in range(draw(st.integers(0, 4)))]
    return [
        Role(
            name,
            tuple(draw(st.sets(st.sampled_from(names[:n])))) if n else (),
            tuple(draw(st.lists(grants, max_size=3))),
            draw(st.none() | st.integers(1, 2)),
        )
        for n, name in enumerate(names)
    ]


snapshots = st.builds(Snapshot, role_lists(), st.lists(policies, max_size=3), conventions=st.just(CONVENTIONS))
attributes = st.dictionaries(st.sampled_from(["a", "b"]), values | lists)
held = st.sets(st.sampled_from(["r0", "r1", "r2", "r3", "ghost"]), max_size=3)
subjects = st.builds(
    Subject, st.sampled_from(OWNERS), held.map(lambda names: tuple(Assignment(name) for name in names)), attributes
)
environments = st.builds(Env, st.just(NOON), attributes)
strategies = st.sampled_from(ConflictStrategy)
