"""Conditions as they were stored before they were text."""

from typing import Any

import pytest

from models.database import Database
from models.migrations.m0004_conditions_as_text import apply, as_text
from models.policy import Policy
from models.role import Role

OWN: dict[str, Any] = {"op": "eq", "left": "resource.owner_id", "right": "user.id"}
LEVEL: dict[str, Any] = {"op": "gte", "left": "user.clearance", "right": {"value": 2}}


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (None, None),
        ("user.id == resource.id", "user.id == resource.id"),
        (OWN, "resource.owner_id == user.id"),
        ({"op": "all", "of": [OWN, LEVEL]}, "(resource.owner_id == user.id) && (user.clearance >= 2)"),
        ({"op": "any", "of": []}, "false"),
        ({"op": "not", "of": {"op": "has", "of": "user.a"}}, "!(has(user.a))"),
        ({"op": "in", "left": "user.a", "right": {"value": ["x", True, None]}}, 'user.a in ["x", true, null]'),
        ({"op": "like"}, "unreadable: {'op': 'like'}"),
        ({}, "unreadable: {}"),
    ],
)
def test_a_condition_of_data_as_text(condition: Any, text: str | None) -> None:
    assert as_text(condition) == text


async def test_stored_conditions_become_text_once(database: Database) -> None:
    await database.db.roles.insert_one(
        {"_id": "r", "inherits": [], "grants": [{"effect": "allow", "action": "a:b", "condition": LEVEL}]}
    )
    await database.db.policies.insert_one({"_id": "p", "effect": "deny", "actions": ["a:b"], "when": OWN})

    for _ in range(2):
        await apply(database.db)

    role, policy = await Role.get("r"), await Policy.get("p")
    assert role is not None
    assert role.grants[0].condition == "user.clearance >= 2"
    assert policy is not None
    assert (policy.when, policy.unless) == ("resource.owner_id == user.id", None)
