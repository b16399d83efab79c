"""Random worlds of rules, and documents as nasty as MongoDB stores them."""

import random
from datetime import UTC, datetime
from typing import Any, Final

from bson import Decimal128, ObjectId
from hypothesis import strategies as st

from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.facts import Assignment, Env, Resource, Subject
from permissions.engine.rulebook import Grant, Policy, Role
from permissions.engine.rules import Effect
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


def _data(value: object) -> dict[str, object]:
    return {"value": value}


values = st.sampled_from([*SCALARS, *UNSTORABLE])
lists = st.lists(values, max_size=4) | st.sampled_from(LISTS)
of_resource = st.sampled_from([f"resource.{name}" for name in ("a", "b", "owner_id", "id", "type", "none")])
known = st.sampled_from([f"user.{name}" for name in ("a", "b", "id", "roles", "none")] + ["env.time", "env.a"])
fixed = values.map(_data)
ops = st.sampled_from(["eq", "ne", "lt", "lte", "gt", "gte"])


def _comparison(op: st.SearchStrategy[str], left: Any, right: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"op": op, "left": left, "right": right})


comparisons = (
    _comparison(ops, of_resource, known | fixed)
    | _comparison(ops, known | fixed, of_resource)
    | _comparison(ops, known, known | fixed)
    | _comparison(st.just("in"), of_resource | fixed | known, known | lists.map(_data))
    | _comparison(st.just("in"), known | fixed, of_resource)
    | st.fixed_dictionaries({"op": st.just("has"), "of": of_resource | known})
)


def _combined(part: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    many = st.fixed_dictionaries({"op": st.sampled_from(["all", "any"]), "of": st.lists(part, max_size=3)})
    return many | st.fixed_dictionaries({"op": st.just("not"), "of": part})


conditions = st.recursive(comparisons, _combined, max_leaves=5)
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
