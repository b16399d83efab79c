"""What may or may not have arrived is told again, and stands in the log once."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from pymongo.errors import AutoReconnect

from models.database import Database, Record
from permissions.access import Takings
from permissions.audit.anchors import MemoryAnchor
from permissions.audit.blocks import Blocks
from permissions.audit.chain import GENESIS, Head, Sealer
from permissions.audit.events import Target, change
from permissions.audit.log import Allows, AuditLog, Keeping
from permissions.audit.writer import BLOCK_RECORDS, Writer
from tests.audited import SEALER, new_log
from tests.permissions.audit.checked import found, stored
from tests.permissions.audit.test_log import ORIGIN, eventually, takings


class Unclear(Blocks):
    """Of each of `losses` an answer gets lost: after so many of its blocks are stored, None for all of them."""

    def __init__(self, database: Database, *losses: int | None) -> None:
        super().__init__(database.db)
        self.losses = list(losses)

    async def append(
        self, head: Head, parts: Sequence[Sequence[Record]], sealer: Sealer, maybe: frozenset[str] = frozenset()
    ) -> Head:
        if not self.losses:
            return await super().append(head, parts, sealer, maybe)
        if kept := parts[: self.losses.pop(0)]:
            await super().append(head, kept, sealer, maybe)
        raise AutoReconnect("its answer is lost")


def denied(number: int, name: str = "") -> Takings:
    return takings(*(("report:delete", f"{name}{each}") for each in range(number)))


async def insisting(log: AuditLog, *answers: Takings) -> int:
    """Try until they are kept, as who follows a conversation does; how often it failed."""
    for failed in range(10):
        try:
            await log.keep_all((each, ORIGIN) for each in answers)
        except AutoReconnect:
            continue
        return failed
    raise AssertionError


def unclear(database: Database, anchor: MemoryAnchor, *losses: int | None) -> AuditLog:
    writer = Writer(Unclear(database, *losses), anchor, SEALER, delay=0.01, queue=1_000)
    return AuditLog(writer, Blocks(database.db), Keeping(Allows.ALL))


async def decisions(database: Database) -> Counter[str | None]:
    return Counter(record.decision for record in await stored(database) if record.effect == "deny")


def ids(*answers: Takings) -> Counter[str | None]:
    return Counter(each.decision.id for answer in answers for each in answer.denied)


@pytest.mark.parametrize("losses", [(None,), (0, None), (1, None), (1, 0, 1)])
async def test_a_denial_of_which_nobody_knows_whether_it_is_stored_is_not_stored_twice(
    database: Database, anchor: MemoryAnchor, losses: tuple[int | None, ...]
) -> None:
    """Another worker's blocks may be there by then, too, and others wait beside."""
    answers = [denied(3, f"{number}.") for number in range(BLOCK_RECORDS)]
    expected = ids(*answers)
    async with new_log(database, anchor) as other, unclear(database, anchor, *losses) as log:
        others = (other.keep(denied(2, f"other {number}."), ORIGIN) for number in range(5))
        await asyncio.gather(insisting(log, *answers), *others)
    count = await decisions(database)
    assert {id_: count[id_] for id_ in expected} == expected
    assert count.total() == expected.total() + 10
    assert await found(database, anchor) == []


async def test_who_leaves_while_his_denial_is_written_and_has_it_written_again_has_it_once(
    database: Database, anchor: MemoryAnchor
) -> None:
    his, expected = denied(2), 2
    async with new_log(database, anchor) as log:
        for _ in range(2):
            leaving = asyncio.create_task(log.keep(his, ORIGIN))
            await asyncio.sleep(0)
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
        await log.keep(his, ORIGIN)
    assert (await decisions(database)).total() == expected
    assert await found(database, anchor) == []


async def test_what_was_allowed_beside_it_is_kept_once_however_often_the_denial_is_tried(
    database: Database, anchor: MemoryAnchor
) -> None:
    async with unclear(database, anchor, 0, 0, 0) as log:
        both = takings(("report:read", "1"), ("report:delete", "2"))
        assert await insisting(log, both) == 3
        await log.flush()
    effects = Counter(record.effect for record in await stored(database))
    lost = sum(record.kind == "decision.missed" for record in await stored(database))
    assert effects["deny"] == 1
    assert effects["allow"] + lost == 1


async def test_what_was_lost_is_told_by_its_number_beside_blocks_without_room(
    database: Database, anchor: MemoryAnchor
) -> None:
    async with unclear(database, anchor, 0, 0) as log:
        log._writer.offer([], missed=7)
        await insisting(log, denied(BLOCK_RECORDS))
        await eventually(database, BLOCK_RECORDS + 1)
    (told,) = [record.reason for record in await stored(database) if record.kind == "decision.missed"]
    assert told == "7 allowed decisions were not kept"


async def test_blocks_that_a_driver_sends_twice_are_found_all(database: Database, anchor: MemoryAnchor) -> None:
    """It sends a write again when it has lost the answer: the first try's blocks are there then."""
    parts = [[change("test", ORIGIN, Target("thing", str(number)))] for number in range(3)]
    blocks = Blocks(database.db)
    insert = blocks._blocks.insert_many

    class Twice:
        def __getattr__(self, name: str) -> object:
            return getattr(database.db.audit_blocks, name)

        async def insert_many(self, made: Sequence[Record]) -> None:
            await insert(made)
            await insert(made)

    blocks._blocks = Twice()  # type: ignore[misc,assignment]
    end = await blocks.append(GENESIS, parts, SEALER)
    assert [record.resource_id for record in await stored(database)] == ["0", "1", "2"]
    await anchor.move(end)
    assert await found(database, anchor) == []


class Lossy(Blocks):
    """A store whose every second answer gets lost, after or before it did what was asked."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.db)
        self.asked = 0

    async def append(
        self, head: Head, parts: Sequence[Sequence[Record]], sealer: Sealer, maybe: frozenset[str] = frozenset()
    ) -> Head:
        self.asked += 1
        if self.asked % 4 == 1:
            raise AutoReconnect("before")
        end = await super().append(head, parts, sealer, maybe)
        if self.asked % 4 == 3:
            raise AutoReconnect("after")
        return end


async def test_who_is_told_that_it_is_stored_finds_it_and_nothing_stands_there_twice(
    database: Database, anchor: MemoryAnchor
) -> None:
    writer = Writer(Lossy(database), anchor, SEALER, delay=0.01, queue=1_000)
    told: list[str] = []
    async with AuditLog(writer, Blocks(database.db), Keeping(Allows.ALL)) as log:
        for number in range(40):
            await log.keep(takings(("report:read", f"allowed {number}")), ORIGIN)
            try:
                await log.write("test", ORIGIN, Target("thing", str(number)))
                told.append(str(number))
            except AutoReconnect:
                continue
    count = Counter(record.resource_id for record in await stored(database) if record.kind != "decision.missed")
    assert set(told) <= set(count)
    assert len(told) >= 15
    assert set(count.values()) == {1}
    assert await found(database, anchor) == []
