"""Reading conditions, and what is said of those that can't be read."""

from typing import Any

import pytest

from permissions.engine.conditions import Broken
from permissions.engine.errors import ConditionError
from permissions.engine.parse import DEEPEST, LARGEST, parse, parse_closed

FINE: dict[str, Any] = {"op": "has", "of": "user.a"}


def compare(left: object, right: object = "user.a", op: object = "eq") -> dict[str, object]:
    return {"op": op, "left": left, "right": right}


def nested(levels: int) -> dict[str, Any]:
    condition = FINE
    for _ in range(levels):
        condition = {"op": "not", "of": condition}
    return condition


@pytest.mark.parametrize(
    ("data", "where", "reason"),
    [
        (None, "", "not an object"),
        ([], "", "not an object"),
        ({}, "", "needs exactly `left`, `op`, `right`"),
        ({**FINE, "extra": 1}, "", "needs exactly `of`, `op`"),
        (compare("resource.a", op="like"), "", "unknown operator `like`"),
        (compare("resource.a", op=["eq"]), "", "unknown operator"),
        ({"op": "all", "of": FINE}, "of", "not a list of conditions"),
        ({"op": "any", "of": [FINE, compare("region")]}, "of[1].left", "not the name of an attribute"),
        ({"op": "not", "of": compare("user.a", "resource.a.b")}, "of.right", "not the name of an attribute"),
        (compare("resource.$where"), "left", "not the name of an attribute"),
        (compare("resource.é"), "left", "not the name of an attribute"),
        (compare("system.a"), "left", "not the name of an attribute"),
        (compare(7), "left", "not the name of an attribute"),
        (compare({"value": [1]}), "left", "not a value to compare with: list"),
        (compare({"value": {"$gt": ""}}), "left", "not a value to compare with: dict"),
        (compare({"value": float("nan")}), "left", "not a value to compare with"),
        (compare({"value": 2**63}), "left", "not a value to compare with"),
        (compare({"value": "\ud800"}), "left", "not a value to compare with"),
        (compare("user.a", {"value": "x"}, op="in"), "right", "not a list"),
        (compare("user.a", {"value": [[1]]}, op="in"), "right", "not a value to compare with"),
        (compare("resource.a", "resource.b"), "", "compares the resource with itself"),
        ({"op": "all", "of": [FINE] * (LARGEST + 1)}, f"of[{LARGEST - 1}]", f"more than {LARGEST} parts"),
        (compare("user.a", {"value": [1] * (LARGEST + 1)}, op="in"), "right", f"more than {LARGEST} parts"),
    ],
)
def test_a_bad_condition_is_refused_at_the_place_of_its_fault(data: object, where: str, reason: str) -> None:
    with pytest.raises(ConditionError) as refused:
        parse(data)

    assert refused.value.where == where
    assert reason in refused.value.reason
    assert isinstance(parse_closed(data), Broken)


def test_nesting_ends_somewhere() -> None:
    parse(nested(DEEPEST - 1))
    with pytest.raises(ConditionError, match="nested deeper"):
        parse(nested(10_000))


def test_type_of_resource_may_be_compared_with_a_stored_attribute() -> None:
    parse(compare("resource.type", "resource.kind"))
