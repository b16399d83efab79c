"""Every query that the code can send uses an index, whether there is little data or much."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import pytest
from bson import ObjectId
from pymongo import monitoring
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Database, Record
from models.tree import MessageTree
from tests.models.commands import Commands
from tests.models.operations.everything import OPERATIONS
from tests.models.operations.world import SMALL, World
from tests.models.shapes import Shape, by_shape, scans
from tests.models.tree.trees import nested, planted
from tests.resolvers.chat.documents import chat
from tests.served import Served

SENT: Final = Commands()
SENT.on = False
monitoring.register(SENT)  # for every client that is made from now on

WHOLE: Final = {"roles", "policies", "resource_types", "signing_keys", "migrations", "audit_checkpoints"} | {
    "search_manifest",
    "search_removals",
    "erasures",
    "plantings",
    "leases",
    "trusted_documents",
    "trusted_set",
}
"""Read whole: a few documents that administrators write and workers keep in memory; what the index is made of, and
what it is to forget; what is being planted, and who is at work that one should do at a time (the embedded server goes
by `_id` only where nothing else is asked)."""
MUCH: Final = 500
"""Documents that a collection grows by: many times what any query here finds. The embedded server writes and drops them
one by one, in every index."""


@pytest.fixture
async def world(served: Served) -> World:
    alice, admin, sara = [await served.as_(name) for name in ("alice", "admin", "sara")]
    for number in range(6):
        conversation, messages = await chat(alice, 3 * (number == 5), attributes={"region": "EMEA"})
    tree = MessageTree(served.services.database.db, SMALL)
    stored = await planted(tree, nested(200))
    return World(served, alice, admin, sara, conversation, messages, stored)


async def grow(db: AsyncDatabase[Record], collection: str, number: int) -> None:
    """Add `number` documents like those that are there, each somebody else's."""
    like = await db[collection].find({}).limit(20).to_list()
    more: list[Record] = []
    for count in range(number):
        changed = {name: _other(value, count) for name, value in like[count % len(like)].items()}
        if isinstance(changed["_id"], int):
            changed["_id"] += 1_000 * (count + 1)
        more.append(changed)
    await db[collection].insert_many(more)


def _other(value: Any, count: int) -> Any:
    """Another id, key or name; anything else as it is."""
    if isinstance(value, ObjectId):
        return ObjectId()
    return f"{value} {count}" if isinstance(value, str) else value


async def test_every_query_uses_an_index_on_little_data_and_on_much(world: World) -> None:
    db = world.served.services.database.db
    with sending() as sent:
        for name, operation in OPERATIONS.items():
            before = len(sent.sent)
            await operation(world)
            world.served.services.permissions.forget()
            assert len(sent.sent) > before, f"{name}: sends nothing"
    queries = {key: query for key, query in by_shape(sent.sent).items() if key[0] not in WHOLE}
    assert len(queries) > 25
    assert await found_scans(db, queries) == {}
    for collection in sorted({collection for collection, _ in queries}):
        await grow(db, collection, MUCH)
    assert await found_scans(db, queries) == {}


async def found_scans(db: AsyncDatabase[Record], queries: Mapping[Shape, Record]) -> dict[Shape, str]:
    """Of those, the ones that scan, and how."""
    checked = {key: await scans(db, key[0], query) for key, query in queries.items()}
    return {key: reason for key, reason in checked.items() if reason}


async def test_a_scan_is_seen_as_one(database: Database) -> None:
    await database.db.buckets.insert_many([{"conversation_id": n % 2, "slot": n, "first_depth": 0} for n in range(9)])
    assert await scans(database.db, "buckets", {"conversation_id": 1}) is None
    assert await scans(database.db, "buckets", {"first_depth": 0})
    assert await scans(database.db, "buckets", {"conversation_id": 1, "branch": "main"})


@contextmanager
def sending() -> Iterator[Commands]:
    """What any client sends within the block."""
    SENT.sent.clear()
    SENT.on = True
    try:
        yield SENT
    finally:
        SENT.on = False
