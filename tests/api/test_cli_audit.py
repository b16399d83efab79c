"""`parley audit verify` on real stores."""

import asyncio
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo import MongoClient
from pymongo.collection import Collection
from redis import Redis

from api.services import open_services
from api.settings import Settings
from models.embedded import EmbeddedStores
from models.migrations import migrate
from permissions.audit.events import SYSTEM, Target
from tests.api.commands import SECRET, Here

PASSWORD = "correct horse battery staple"
Blocks = Collection[dict[str, Any]]


@pytest.fixture
def parley(tmp_path: Path, stores: EmbeddedStores) -> Here:
    """The command line, and three blocks."""
    name = f"cli-{secrets.token_hex(8)}"
    variables = {"MONGODB_URI": stores.mongodb_uri, "REDIS_URL": stores.redis_url, "DATABASE": name}
    parley = Here(tmp_path, {**variables, "SECRET_KEY": SECRET})
    asyncio.run(_written(parley))
    return parley


async def _written(parley: Here, together: int = 0) -> None:
    """As a server writes them: three blocks, and `together` records in as few blocks as it takes."""
    named = parley.variables
    settings = Settings(
        mongodb_uri=SecretStr(named["MONGODB_URI"]),
        redis_url=SecretStr(named["REDIS_URL"]),
        database=named["DATABASE"],
        secret_key=SecretStr(SECRET),
    )
    async with open_services(settings) as services:
        await migrate(services.database.db)
        for number in range(3):
            await services.audit.write("test", SYSTEM, Target("thing", str(number)))
        await asyncio.gather(*(services.audit.write("test", SYSTEM, Target("more", str(n))) for n in range(together)))


@pytest.fixture
def blocks(parley: Here) -> Iterator[Blocks]:
    with MongoClient[dict[str, Any]](parley.variables["MONGODB_URI"]) as client:
        yield client[parley.variables["DATABASE"]]["audit_blocks"]


def verified(parley: Here) -> tuple[int, list[str]]:
    outcome = parley("audit", "verify")
    assert outcome.err == ""
    return outcome.status, outcome.out.splitlines()


def test_an_untouched_log_is_whole(parley: Here) -> None:
    assert verified(parley) == (0, ["3 records in 3 blocks: nothing is wrong"])


def test_each_touch_is_told_with_status_1(parley: Here, blocks: Blocks) -> None:
    blocks.update_one({"_id": 1}, {"$set": {"records.0.kind": "nothing"}})
    blocks.delete_one({"_id": 2})
    assert verified(parley) == (
        1,
        ["record 1.0: was edited", "block 2: is missing", "2 records in 2 blocks: 2 findings"],
    )


def test_it_says_which_record_was_edited_deleted_inserted_and_moved(parley: Here, blocks: Blocks) -> None:
    asyncio.run(_written(parley))
    asyncio.run(_written(parley, together=9))
    records = {block["_id"]: block["records"] for block in blocks.find({})}
    many = next(number for number, held in records.items() if len(held) > 1)
    last = len(records[many]) - 1
    blocks.update_one({"_id": 2}, {"$set": {"records.0.by": "somebody else"}})
    blocks.update_one({"_id": 4}, {"$set": {"records": []}})
    blocks.update_one({"_id": 5}, {"$push": {"records": records[1][0]}})
    blocks.update_one({"_id": many}, {"$set": {"records": [records[many][last], *records[many][:last]]}})

    status, lines = verified(parley)

    assert status == 1
    assert lines[:-1] == [
        "record 2.0: was edited",
        "record 4.0: is missing",
        "record 5.0: was inserted",
        *(f"record {many}.{place}: was moved" for place in range(last)),
    ]


def test_an_end_that_was_cut_off_is_told_and_so_is_a_head_that_is_gone(parley: Here, blocks: Blocks) -> None:
    blocks.delete_one({"_id": 3})
    assert verified(parley) == (1, ["block 3: is missing", "2 records in 2 blocks: 1 finding"])
    with Redis.from_url(parley.variables["REDIS_URL"]) as redis:
        redis.delete(f"parley:audit:{parley.variables['DATABASE']}:head")
    status, lines = verified(parley)
    assert status == 1
    assert lines[0].startswith("block 2: no head is kept elsewhere")


def test_another_secret_is_told_as_such(parley: Here) -> None:
    other = Here(parley.directory, {**parley.variables, "SECRET_KEY": "another secret, of 32 characters or more"})
    status, lines = verified(other)
    assert status == 1
    assert lines[0] == "block 1: was sealed under another PARLEY_SECRET_KEY"


def test_without_a_secret_nothing_can_be_said(parley: Here) -> None:
    known = {name: value for name, value in parley.variables.items() if name != "SECRET_KEY"}
    outcome = Here(parley.directory, known)("audit", "verify")
    assert (outcome.status, outcome.err.count("\n")) == (1, 1)
    assert "PARLEY_SECRET_KEY is not set" in outcome.err


def test_an_account_that_a_command_makes_is_in_it(parley: Here, blocks: Blocks) -> None:
    assert parley("user", "create", "--email", "ann@example.org", "--role", "super_admin", typed=PASSWORD).status == 0
    kinds = [record["kind"] for block in blocks.find({"_id": {"$gt": 3}}) for record in block["records"]]
    assert "account.created" in kinds
    assert "assignment.created" in kinds
    assert verified(parley)[0] == 0
