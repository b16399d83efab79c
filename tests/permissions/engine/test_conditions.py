"""What conditions say: true, false, or that they can't be judged."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Decimal128, ObjectId

from permissions.engine.facts import Env, Facts, Resource, Subject
from permissions.engine.filters import UNKNOWN, Fields
from permissions.engine.operands import Fault
from permissions.engine.parse import parse
from tests.permissions.worlds import NOON

ID = ObjectId("0" * 24)


def facts(resource: dict[str, Any], user: dict[str, Any]) -> Facts:
    return Facts(Subject("me", (), user), ("analyst",), Resource("page", None, resource), Env(NOON))


def judged(op: str, left: Any, right: Any) -> bool | str:
    """The truth, or the fault's reason."""
    condition = parse({"op": op, "left": "resource.a", "right": "user.b"})
    truth = condition.test()(facts({"a": left}, {"b": right}))
    return truth.reason if isinstance(truth, Fault) else truth


@pytest.mark.parametrize(
    ("op", "left", "right", "wanted"),
    [
        ("eq", "a", "a", True),
        ("eq", "a", "A", False),
        ("eq", "é", "e\u0301", False),
        ("eq", 1, 1.0, True),
        ("eq", 2**53 + 1, float(2**53), False),
        ("eq", True, 1, "can't compare boolean with number"),
        ("eq", 0, False, "can't compare number with boolean"),
        ("eq", "1", 1, "can't compare string with number"),
        ("eq", str(ID), ID, "can't compare string with id"),
        ("eq", ID, ID, True),
        ("eq", None, None, True),
        ("eq", None, "a", False),
        ("eq", 0, None, False),
        ("ne", None, "a", True),
        ("eq", [], None, "can't compare list with null"),
        ("eq", ["a"], "a", "can't compare list with string"),
        ("eq", [1], [1], "can't compare list with list"),
        ("ne", ["a"], "a", "can't compare list with string"),
        ("eq", {}, {}, "can't compare dict with dict"),
        ("eq", float("nan"), float("nan"), "can't compare float with float"),
        ("eq", Decimal128("1"), 1, "can't compare Decimal128 with number"),
        ("eq", NOON, datetime(2026, 3, 2, 12), "can't compare date with datetime"),  # noqa: DTZ001
        ("lt", 1, 2, True),
        ("gte", 2, 2.0, True),
        ("gt", float("inf"), 2**63 - 1, True),
        ("lt", "a", "b", True),
        ("lt", "\uffff", "\U0001f600", True),
        ("lte", NOON, NOON, True),
        ("lt", True, 2, "can't order boolean and number"),
        ("lt", None, 2, "can't order null and number"),
        ("lt", "1", 2, "can't order string and number"),
        ("lt", [1], 2, "can't order list and number"),
        ("lt", ID, ID, "can't order id and id"),
        ("in", 1, [True, "1", 1.0], True),
        ("in", True, [1], False),
        ("in", None, [None], True),
        ("in", None, [], False),
        ("in", "a", "abc", "can't look for string in string"),
        ("in", [1], [[1]], "can't look for list in list"),
        ("in", float("nan"), [float("nan")], "can't look for float in list"),
    ],
)
def test_comparison(op: str, left: Any, right: Any, wanted: bool | str) -> None:
    assert judged(op, left, right) == wanted


def test_a_missing_attribute_is_a_fault_that_names_it() -> None:
    condition = parse({"op": "ne", "left": "resource.a", "right": "user.b"})

    assert condition.test()(facts({}, {"b": 1})) == Fault("resource.a is missing")
    assert condition.test()(facts({"a": 1}, {})) == Fault("user.b is missing")


def test_reserved_names_are_not_taken_by_attributes() -> None:
    about = facts({"type": "forged", "id": "forged"}, {"id": "forged", "roles": ["admin"]})

    for condition, wanted in [
        ({"op": "eq", "left": "user.id", "right": {"value": "me"}}, True),
        ({"op": "in", "left": {"value": "admin"}, "right": "user.roles"}, False),
        ({"op": "in", "left": {"value": "analyst"}, "right": "user.roles"}, True),
        ({"op": "eq", "left": "resource.type", "right": {"value": "page"}}, True),
        ({"op": "has", "of": "resource.id"}, False),
        ({"op": "lte", "left": "env.time", "right": {"value": datetime(2027, 1, 1, tzinfo=UTC)}}, True),
    ]:
        assert parse(condition).test()(about) is wanted, condition


TRUE: dict[str, Any] = {"op": "has", "of": "user.id"}
FALSE: dict[str, Any] = {"op": "has", "of": "user.none"}
FAULT: dict[str, Any] = {"op": "eq", "left": "user.none", "right": {"value": 1}}


@pytest.mark.parametrize(
    ("op", "of", "wanted"),
    [
        ("all", [], True),
        ("all", [TRUE, FALSE], False),
        ("all", [FAULT, FALSE], False),
        ("all", [FALSE, FAULT], False),
        ("all", [FAULT, TRUE], None),
        ("any", [], False),
        ("any", [FAULT, TRUE], True),
        ("any", [TRUE, FAULT], True),
        ("any", [FALSE, FAULT], None),
        ("not", TRUE, False),
        ("not", FAULT, None),
    ],
)
def test_faults_are_absorbed_where_they_can_change_nothing(op: str, of: Any, wanted: bool | None) -> None:
    truth = parse({"op": op, "of": of}).test()(facts({}, {}))

    assert isinstance(truth, Fault) if wanted is None else truth is wanted


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, "\ud800", float("nan"), {}, datetime(2026, 1, 1)])  # noqa: DTZ001
@pytest.mark.parametrize("op", ["eq", "ne", "lt", "gte"])
def test_what_mongodb_cannot_be_told_of_selects_nothing(op: str, value: Any) -> None:
    condition = parse({"op": op, "left": "resource.a", "right": "user.b"})

    assert condition.pair(facts({}, {"b": value}), Fields()) == UNKNOWN
