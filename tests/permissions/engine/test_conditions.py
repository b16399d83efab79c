"""What conditions say: true, false, or that they can't be judged."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from bson import Decimal128, ObjectId

from permissions.engine.cel.compile import compiled
from permissions.engine.facts import Env, Facts, Resource, Subject
from permissions.engine.filters import UNKNOWN, Fields
from permissions.engine.operands import Fault
from tests.permissions.worlds import NOON

ID = ObjectId("0" * 24)


def facts(resource: dict[str, Any], user: dict[str, Any]) -> Facts:
    return Facts(Subject("me", (), user), ("analyst",), Resource("page", None, resource), Env(NOON))


def judged(op: str, left: Any, right: Any) -> bool | str:
    """The truth, or the fault's reason."""
    condition = compiled(f"resource.a {op} user.b")
    truth = condition.test()(facts({"a": left}, {"b": right}))
    return truth.reason if isinstance(truth, Fault) else truth


@pytest.mark.parametrize(
    ("op", "left", "right", "wanted"),
    [
        ("==", "a", "a", True),
        ("==", "a", "A", False),
        ("==", "é", "e\u0301", False),
        ("==", 1, 1.0, True),
        ("==", 2**53 + 1, float(2**53), False),
        ("==", True, 1, "can't compare boolean with number"),
        ("==", 0, False, "can't compare number with boolean"),
        ("==", "1", 1, "can't compare string with number"),
        ("==", str(ID), ID, "can't compare string with id"),
        ("==", ID, ID, True),
        ("==", None, None, True),
        ("==", None, "a", False),
        ("==", 0, None, False),
        ("!=", None, "a", True),
        ("==", [], None, "can't compare list with null"),
        ("==", ["a"], "a", "can't compare list with string"),
        ("==", [1], [1], "can't compare list with list"),
        ("!=", ["a"], "a", "can't compare list with string"),
        ("==", {}, {}, "can't compare dict with dict"),
        ("==", float("nan"), float("nan"), "can't compare float with float"),
        ("==", Decimal128("1"), 1, "can't compare Decimal128 with number"),
        ("==", NOON, datetime(2026, 3, 2, 12), "can't compare date with datetime"),  # noqa: DTZ001
        ("<", 1, 2, True),
        (">=", 2, 2.0, True),
        (">", float("inf"), 2**63 - 1, True),
        ("<", "a", "b", True),
        ("<", "\uffff", "\U0001f600", True),
        ("<=", NOON, NOON, True),
        ("<", True, 2, "can't order boolean and number"),
        ("<", None, 2, "can't order null and number"),
        ("<", "1", 2, "can't order string and number"),
        ("<", [1], 2, "can't order list and number"),
        ("<", ID, ID, "can't order id and id"),
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
    condition = compiled("resource.a != user.b")

    assert condition.test()(facts({}, {"b": 1})) == Fault("resource.a is missing")
    assert condition.test()(facts({"a": 1}, {})) == Fault("user.b is missing")


def test_reserved_names_are_not_taken_by_attributes() -> None:
    about = facts({"type": "forged", "id": "forged"}, {"id": "forged", "roles": ["admin"]})

    for condition, wanted in [
        ('user.id == "me"', True),
        ('"admin" in user.roles', False),
        ('"analyst" in user.roles', True),
        ('resource.type == "page"', True),
        ("has(resource.id)", False),
        ('env.time <= timestamp("2027-01-01T00:00:00Z")', True),
    ]:
        assert compiled(condition).test()(about) is wanted, condition


TRUE = "has(user.id)"
FALSE = "has(user.none)"
FAULT = "user.none == 1"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("true", True),
        (f"{TRUE} && {FALSE}", False),
        (f"{FAULT} && {FALSE}", False),
        (f"{FALSE} && {FAULT}", False),
        (f"{FAULT} && {TRUE}", None),
        ("false", False),
        (f"{FAULT} || {TRUE}", True),
        (f"{TRUE} || {FAULT}", True),
        (f"{FALSE} || {FAULT}", None),
        (f"!{TRUE}", False),
        (f"!({FAULT})", None),
    ],
)
def test_faults_are_absorbed_where_they_can_change_nothing(text: str, wanted: bool | None) -> None:
    truth = compiled(text).test()(facts({}, {}))

    assert isinstance(truth, Fault) if wanted is None else truth is wanted


@pytest.mark.parametrize("value", [float("nan"), {}, datetime(2026, 1, 1)])  # noqa: DTZ001
@pytest.mark.parametrize("op", ["==", "!=", "<", ">="])
def test_what_nothing_compares_with_selects_nothing(op: str, value: Any) -> None:
    condition = compiled(f"resource.a {op} user.b")

    assert condition.pair(facts({}, {"b": value}), Fields()) == UNKNOWN


@pytest.mark.parametrize("value", [2**70 + 1, -(2**63) - 1, "\ud800", timedelta(1)])
def test_what_mongodb_cannot_store_equals_nothing_stored(value: Any) -> None:
    pair = compiled("resource.a == user.b").pair(facts({}, {"b": value}), Fields())

    assert pair.true is None
    assert pair.false is not None
