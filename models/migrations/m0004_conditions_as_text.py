"""Conditions that were stored as data become CEL text; what can't be said becomes text that nobody can meet."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record

SIGNS: Final = {"eq": "==", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "in": "in"}
DEEPEST: Final = 32


async def apply(db: AsyncDatabase[Record]) -> None:
    """Rewrite the roles and policies that have such; text stays as it is."""
    async for role in db.roles.find({}):
        grants = [{**grant, "condition": as_text(grant.get("condition"))} for grant in role.get("grants", [])]
        if grants != role.get("grants", []):
            await db.roles.update_one({"_id": role["_id"]}, {"$set": {"grants": grants}})
    async for policy in db.policies.find({}):
        texts = {name: as_text(policy.get(name)) for name in ("when", "unless")}
        if any(texts[name] != policy.get(name) for name in texts):
            await db.policies.update_one({"_id": policy["_id"]}, {"$set": texts})


def as_text(condition: Any) -> str | None:
    """The condition as CEL."""
    if condition is None or isinstance(condition, str):
        return condition
    try:
        return _said(condition, DEEPEST)
    except (KeyError, TypeError, ValueError):
        return f"unreadable: {condition!r}"[:1000]


def _said(condition: Mapping[str, Any], levels: int) -> str:
    if levels == 0:
        raise ValueError("nested too deep")
    op = condition["op"]
    if op == "has":
        return f"has({condition['of']})"
    if op == "not":
        return f"!({_said(condition['of'], levels - 1)})"
    if op in ("all", "any"):
        parts = [f"({_said(part, levels - 1)})" for part in condition["of"]]
        return (" && " if op == "all" else " || ").join(parts) or ("true" if op == "all" else "false")
    return f"{_side(condition['left'])} {SIGNS[op]} {_side(condition['right'])}"


def _side(side: Any) -> str:
    return str(side) if isinstance(side, str) else _literal(side["value"])


def _literal(value: Any) -> str:
    if isinstance(value, datetime):
        return f'timestamp("{value.isoformat()}")'
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return json.dumps(value)
