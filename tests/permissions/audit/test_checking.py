"""What somebody does who can write to the database: the check finds it, and says where."""

from datetime import timedelta

import pytest

from models.database import Database
from permissions.audit.anchors import MemoryAnchor
from permissions.audit.blocks import Blocks
from permissions.audit.chain import Head, Sealer
from permissions.audit.events import SYSTEM, Target
from permissions.audit.log import AuditLog
from permissions.audit.retention import CUT, checkpoint, cut
from tests.audited import SEALER, new_log
from tests.permissions.audit.checked import checked, found, stored


@pytest.fixture
async def ten(database: Database, anchor: MemoryAnchor, audit: AuditLog) -> Database:
    """Ten blocks of one record, at ten days' distance by their times."""
    for number in range(10):
        await audit.write("test", SYSTEM, Target("thing", str(number)))
    return database


async def test_an_untouched_log_has_no_findings(ten: Database, anchor: MemoryAnchor) -> None:
    report = await checked(ten, anchor)
    assert (report.findings, report.blocks, report.records, report.head.number) == ([], 10, 10, 10)


async def test_an_empty_log_has_no_findings(database: Database) -> None:
    assert await found(database, MemoryAnchor()) == []


async def test_an_edited_record_is_named(ten: Database, anchor: MemoryAnchor) -> None:
    await ten.db.audit_blocks.update_one({"_id": 4}, {"$set": {"records.0.resource_id": "another"}})
    assert await found(ten, anchor) == ["record 4.0: was edited"]


async def test_a_deleted_block_is_named(ten: Database, anchor: MemoryAnchor) -> None:
    await ten.db.audit_blocks.delete_one({"_id": 4})
    assert await found(ten, anchor) == ["block 4: is missing"]


async def test_a_cut_end_is_found_by_the_head_that_is_kept_elsewhere(ten: Database, anchor: MemoryAnchor) -> None:
    await ten.db.audit_blocks.delete_many({"_id": {"$in": [9, 10]}})
    assert await found(ten, anchor) == ["block 9: is missing", "block 10: is missing"]


async def test_a_cut_end_stays_visible_after_new_workers_went_on(ten: Database, anchor: MemoryAnchor) -> None:
    await ten.db.audit_blocks.delete_many({"_id": {"$in": [9, 10]}})
    async with new_log(ten, anchor) as log:
        await log.write("test", SYSTEM, Target("thing"))
    assert await found(ten, anchor) == ["block 9: is missing", "block 10: is missing"]


async def test_another_end_is_found(ten: Database, anchor: MemoryAnchor) -> None:
    kept = anchor.kept
    assert kept
    anchor.kept = kept._replace(digest=bytes(32))
    assert await found(ten, anchor) == ["block 10: is not the one whose digest was kept elsewhere"]


async def test_a_kept_head_that_is_gone_is_told(ten: Database) -> None:
    assert await found(ten, MemoryAnchor()) == [
        "block 10: no head is kept elsewhere: whether more followed can't be told"
    ]


async def test_what_has_no_place_is_found(ten: Database, anchor: MemoryAnchor) -> None:
    await ten.db.audit_blocks.insert_many([{"_id": "x"}, {"_id": 9_999}, {"_id": -1}])
    assert sorted(await found(ten, anchor)) == [
        "block -1: has no place in the chain",
        "block 9999: has no place in the chain",
        "block x: has no place in the chain",
    ]


async def test_what_is_no_block_is_found(ten: Database, anchor: MemoryAnchor) -> None:
    await ten.db.audit_blocks.replace_one({"_id": 4}, {"records": [5]})
    assert await found(ten, anchor) == ["block 4: is not in the form of a block"]


async def aged(database: Database, days: int) -> Head:
    """Make a log whose first five blocks are so many days older than the others."""
    blocks, head, moment = Blocks(database.db), None, None
    for block in [block async for block in blocks.walk(0, 10)]:
        moment = moment or block["at"] - timedelta(days=days)
        old = block["_id"] <= 5
        records = [{**record, "at": moment if old else record["at"]} for record in block["records"]]
        bare = [{name: value for name, value in each.items() if name not in ("n", "seal")} for each in records]
        made = SEALER.block(head or Head(0, bytes(32), moment), bare, moment if old else block["at"])
        await database.db.audit_blocks.replace_one({"_id": block["_id"]}, made)
        head = Head.of(made)
    assert head
    return head


async def test_old_blocks_are_cut_and_the_rest_is_verified_from_the_checkpoint(
    ten: Database, anchor: MemoryAnchor
) -> None:
    anchor.kept = await aged(ten, 31)
    async with new_log(ten, anchor) as log:
        assert await cut(Blocks(ten.db), SEALER, log, timedelta(days=30)) == 5
        assert await cut(Blocks(ten.db), SEALER, log, timedelta(days=30)) == 0
    report = await checked(ten, anchor)
    assert (report.findings, report.start.number, report.blocks) == ([], 5, 6)
    assert [record.kind for record in await stored(ten)] == ["test"] * 5 + [CUT]


async def test_a_cut_that_was_interrupted_is_no_finding_and_is_finished_later(
    ten: Database, anchor: MemoryAnchor
) -> None:
    anchor.kept = await aged(ten, 31)
    blocks = Blocks(ten.db)
    last = await blocks.head(5)
    assert last
    await blocks.keep_checkpoint(checkpoint(SEALER, last, last.at))
    await ten.db.audit_blocks.delete_many({"_id": {"$in": [1, 3]}})
    assert await found(ten, anchor) == []
    async with new_log(ten, anchor) as log:
        assert await cut(blocks, SEALER, log, timedelta(days=30)) == 3
    assert await found(ten, anchor) == []


async def test_who_cuts_without_the_key_is_found(ten: Database, anchor: MemoryAnchor) -> None:
    last = await Blocks(ten.db).head(3)
    assert last
    await ten.db.audit_blocks.delete_many({"_id": {"$in": [1, 2, 3]}})
    forged = checkpoint(Sealer("somebody else's secret, by which he seals"), last, last.at)
    await Blocks(ten.db).keep_checkpoint(forged)
    assert await found(ten, anchor) == [
        "block 3: the checkpoint is forged",
        "block 1: is missing",
        "block 2: is missing",
        "block 3: is missing",
    ]
