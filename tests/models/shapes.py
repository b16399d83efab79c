"""Which indexes the commands that were sent can use: one `explain` for each shape of a filter."""

from collections.abc import Iterable, Iterator
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from tests.models.commands import Command

Shape = tuple[str, str]
"""Collection, and the filter without its values."""


def filters(command: Command) -> Iterator[Record]:
    """What the command looks documents up by. Of an aggregation, its first `$match`: the rest works on those."""
    body = command.body
    if command.name == "aggregate":
        first = body["pipeline"][0] if body["pipeline"] else {}
        yield dict(first.get("$match", {}))
    elif command.name in {"find", "count", "distinct", "findAndModify"}:
        yield dict(body.get("filter") or body.get("query") or {})
    elif command.name == "update":
        yield from (dict(update["q"]) for update in body["updates"])
    elif command.name == "delete":
        yield from (dict(delete["q"]) for delete in body["deletes"])


def shape(value: Any) -> str:
    """`value` with its keys, without what they hold."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {shape(held)}" for key, held in value.items()) + "}"
    return "[…]" if isinstance(value, list) else "…"


def by_shape(commands: Iterable[Command]) -> dict[Shape, Record]:
    """One filter of each shape."""
    found: dict[Shape, Record] = {}
    for command in commands:
        for query in filters(command):
            found.setdefault((command.collection, shape(query)), query)
    return found


async def scans(db: AsyncDatabase[Record], collection: str, query: Record) -> str | None:
    """Why a find by `query` looks at more documents than it finds; None where it doesn't."""
    # An update's own `explain` always claims a scan on the embedded server; a find by the same filter tells the truth.
    answer = await db.command({"explain": {"find": collection, "filter": query}, "verbosity": "executionStats"})
    stages = set(_stages(answer["queryPlanner"]["winningPlan"]))
    stats = answer["executionStats"]
    looked, found = stats["totalDocsExamined"], stats["nReturned"]
    if not stages & {"IXSCAN", "IDHACK"} or "COLLSCAN" in stages:
        return f"{sorted(stages)}: looked at {looked} to find {found}"
    return f"looked at {looked} to find {found}" if looked > found else None


def _stages(plan: Record) -> Iterator[str]:
    yield plan["stage"]
    for below in (*plan.get("inputStages", ()), *([plan["inputStage"]] if "inputStage" in plan else ())):
        yield from _stages(below)
