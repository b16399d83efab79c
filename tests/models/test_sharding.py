"""What decision 0040 says of shards: every request names its own, and every unique index is legal there."""

import re
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import pytest

from models.database import Database, Record
from models.usage.rollup import Rollup
from tests.models.commands import Command
from tests.models.operations.everything import OPERATIONS
from tests.models.operations.world import World
from tests.models.shapes import filters
from tests.models.test_indexes import sending, world

__all__ = ["world"]  # a fixture

PAGE: Final = Path(".github/decisions/0040-sharding.md").read_text()
KEYS: Final = dict(re.findall(r'sh\.shardCollection\("parley\.([\w.]+)", \{(\w+): "hashed"\}\)', PAGE))
"""The field by which each sharded collection is sharded."""
JOINS: Final = {"$lookup", "$graphLookup", "$unionWith", "$merge", "$out"}


def section(title: str) -> list[str]:
    """The rows of the table below a heading."""
    _, _, rest = PAGE.partition(f"### {title}\n")
    rows = [line for line in rest.partition("\n#")[0].splitlines() if line.startswith("| `")]
    assert rows, title
    return rows


WHOLE: Final = {name for row in section("What stays whole") for name in re.findall(r"`([\w.]+)`", row.split("|")[1])}
SCATTERED: Final = {tuple(re.findall(r"`([\w.]+)`", row)[:2]) for row in section("What asks every shard")}
"""(collection, a field of the filter) of what may ask every shard."""


def parts(query: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The conditions that must all be met."""
    yield query
    for part in query.get("$and", ()):
        yield from parts(part)


def named(condition: Any) -> bool:
    """Whether it is an equality, or a list of values: of each the shard is known."""
    if not isinstance(condition, dict):
        return condition is not None
    return bool(condition) and set(condition) <= {"$eq", "$in"}


def conditions(command: Command) -> Iterator[Record]:
    """By what documents are chosen. Of an aggregation all `$match`es that it begins with: MongoDB makes one of them."""
    if command.name != "aggregate":
        yield from filters(command)
        return
    begin = takewhile(lambda stage: "$match" in stage, command.body["pipeline"])
    yield {"$and": [stage["$match"] for stage in begin]}


def untargeted(command: Command) -> Iterator[Record]:
    """Filters and documents of the command that don't say on which shards they are to be done."""
    key = KEYS[command.collection]
    for query in conditions(command):
        if not any(named(part.get(key)) for part in parts(query)):
            yield query
    for document in command.body.get("documents", ()):
        if document.get(key) is None:
            yield document


def singles(command: Command) -> Iterator[Record]:
    """Filters by which it changes or deletes one document of those that match."""
    yield from (one["q"] for one in command.body.get("updates", ()) if not one.get("multi"))
    yield from (one["q"] for one in command.body.get("deletes", ()) if one.get("limit") == 1)


def faults(command: Command) -> Iterator[str]:
    """What is wrong with it on a sharded cluster."""
    body = command.body
    stages = {name for stage in body.get("pipeline", ()) for name in stage}
    if stages & JOINS or command.name == "findAndModify":
        yield f"{command}: {sorted(stages & JOINS)}"
    if command.collection in KEYS:
        if body.get("autocommit") is False:
            yield f"{command}: in a transaction"
        for query in singles(command):  # MongoDB before 7.0 refuses it without the key or an `_id`
            if not any(named(query.get(field)) for field in (KEYS[command.collection], "_id")):
                yield f"{command}: one of those with {sorted(query)}"
        for query in untargeted(command):
            if not any((command.collection, field) in SCATTERED for part in parts(query) for field in part):
                yield f"{command}: {sorted(query)}"


async def test_every_request_names_its_shard(world: World) -> None:
    wrong: set[str] = set()
    seen: set[str] = set()
    scattered: set[tuple[str, str]] = set()
    transactions: set[str] = set()
    with sending() as sent:
        for operation in OPERATIONS.values():
            await operation(world)
            world.served.services.permissions.forget()
        await Rollup(world.served.services.database.db).run()
        for command in sent.sent:
            wrong |= set(faults(command))
            seen.add(command.collection)
            transactions |= {command.collection} if command.body.get("autocommit") is False else set()
            if command.collection in KEYS:
                fields = {field for query in untargeted(command) for part in parts(query) for field in part}
                scattered |= {(command.collection, field) for field in fields} & SCATTERED
    assert not wrong
    assert seen <= KEYS.keys() | WHOLE, "the page doesn't say where it lies"
    assert seen >= set(KEYS), "a sharded collection that nothing reads or writes"
    assert scattered == SCATTERED, "the page excuses what isn't sent"
    assert "permission_changes" in transactions  # they are seen


async def test_every_collection_is_sharded_or_whole_and_no_unique_index_is_illegal(database: Database) -> None:
    collections = set(await database.db.list_collection_names())
    assert collections <= KEYS.keys() | WHOLE
    assert not KEYS.keys() & WHOLE
    unique = {
        (name, index["key"][0][0])
        for name in collections
        for index in (await database.db[name].index_information()).values()
        if index.get("unique")
    }
    assert ("buckets", "conversation_id") in unique
    assert {(name, first) for name, first in unique if name in KEYS and first not in (KEYS[name], "_id")} == set()


def test_the_page_makes_the_same_keys_in_each_of_its_commands() -> None:
    indexes = re.findall(r'(?:db\.|db\.getCollection\(")([\w.]+?)(?:"\))?\.createIndex\(\{(\w+): "hashed"\}\)', PAGE)
    zoned = re.findall(r'\["([\w.]+)", "(\w+)"\]', PAGE)
    assert len(KEYS) > 5
    assert dict(indexes) == dict(zoned) == KEYS


A = "buckets"


@pytest.mark.parametrize(
    ("command", "targeted"),
    [
        (Command("find", A, {"filter": {"conversation_id": 1, "slot": {"$in": []}}}), True),
        (Command("find", A, {"filter": {"conversation_id": {"$in": [1, 2]}}}), True),
        (Command("find", A, {"filter": {"$and": [{"slot": "s"}, {"conversation_id": {"$eq": 1}}]}}), True),
        (Command("find", A, {"filter": {"conversation_id": {"$gt": 1}}}), False),
        (Command("find", A, {"filter": {"conversation_id": {"$in": [1], "$exists": True}}}), False),
        (Command("find", A, {"filter": {"$or": [{"conversation_id": 1}, {"slot": "s"}]}}), False),
        (Command("find", A, {"filter": {"slot": "main.0"}}), False),
        (Command("find", A, {"filter": {}}), False),
        (Command("aggregate", A, {"pipeline": [{"$project": {}}, {"$match": {"conversation_id": 1}}]}), False),
        (Command("aggregate", A, {"pipeline": [{"$match": {"conversation_id": 1}}, {"$lookup": {}}]}), False),
        (Command("aggregate", "users", {"pipeline": [{"$lookup": {}}]}), False),
        (Command("update", A, {"updates": [{"q": {"conversation_id": 1}}, {"q": {"slot": "s"}}]}), False),
        (Command("delete", A, {"deletes": [{"q": {"slot": "s"}}]}), False),
        (Command("delete", A, {"deletes": [{"q": {"unindexed": True}, "limit": 1}]}), False),
        (Command("delete", A, {"deletes": [{"q": {"unindexed": True}, "limit": 0}]}), True),
        (Command("update", A, {"updates": [{"q": {"unindexed": True}}]}), False),
        (Command("update", A, {"updates": [{"q": {"unindexed": True}, "multi": True}]}), True),
        (Command("insert", A, {"documents": [{"conversation_id": 1}, {"slot": "s"}]}), False),
        (Command("insert", A, {"documents": [{"conversation_id": 1}], "autocommit": False}), False),
        (Command("insert", "users", {"documents": [{}], "autocommit": False}), True),
    ],
    ids=str,
)
def test_what_asks_every_shard_is_seen(command: Command, *, targeted: bool) -> None:
    assert (not list(faults(command))) is targeted
