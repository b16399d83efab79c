"""Pages of the audit log, newest first: by block and place, so that they are stable while the log grows."""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from pymongo.asynchronous.database import AsyncDatabase

from models.audit import AuditRecord
from models.clock import now
from models.database import Record

Scopes = Sequence[Mapping[str, Any]]
"""Filters on records that together match what a caller may read: `()` is nothing, `({},)` is everything."""

INDEXED: Final = ("decision", "resource_id", "by", "kind")
"""Fields by which records are found, the most selective first (`migrations.m0003_audit`)."""
LAG: Final = timedelta(minutes=10)
"""A record is stored no later than this after it happened, even where the workers' clocks differ."""
FIRST_WINDOW: Final = timedelta(minutes=1)
GROWTH: Final = 32
"""Each window back in time is so many times the one before: six of them reach back half a century."""
BEGINNING: Final = datetime.fromtimestamp(0, UTC)


class RecordPlace(NamedTuple):
    """Where a record stands: for ever."""

    block: int
    n: int


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What a reader looks for; None doesn't matter. `since` is inclusive, `until` exclusive."""

    equal: Mapping[str, Any]
    """Fields of a record, and what they must be."""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def indexed(self) -> Record:
        """The part that an index answers: one field, of any record of a block."""
        name = next((name for name in INDEXED if name in self.equal), None)
        return {} if name is None else {f"records.{name}": self.equal[name]}

    @property
    def query(self) -> Record:
        """All of it, for a single record."""
        times = {"$gte": self.since, "$lt": self.until}
        at = {operator: moment for operator, moment in times.items() if moment is not None}
        equal = {name: {"$eq": value} for name, value in self.equal.items()}
        return {**equal, "at": at} if at else equal


class Found(NamedTuple):
    """A record and where it stands."""

    place: RecordPlace
    record: AuditRecord


async def list_records(
    db: AsyncDatabase[Record], reach: Scopes, wanted: AuditFilter, after: RecordPlace | None, limit: int
) -> list[Found]:
    """At most `limit` records in `reach`, those before the one at `after`. One call a window of time, six at most."""
    async with aclosing(_records(db, reach, wanted, after, limit)) as found:
        return [each async for each in found]


async def batches_of_records(
    db: AsyncDatabase[Record], reach: Scopes, wanted: AuditFilter, limit: int, size: int
) -> AsyncGenerator[list[Found]]:
    """The same from the newest on, `size` at a time: ten thousand take 26 MB, which nobody has to have at once."""
    batch: list[Found] = []
    async with aclosing(_records(db, reach, wanted, None, limit, size)) as found:
        async for each in found:
            batch.append(each)
            if len(batch) == size:
                yield batch
                batch = []
    if batch:
        yield batch


async def _records(
    db: AsyncDatabase[Record],
    reach: Scopes,
    wanted: AuditFilter,
    after: RecordPlace | None,
    limit: int,
    size: int | None = None,
) -> AsyncGenerator[Found]:
    """They come from the store `size` at a time, or as many as it likes to send."""
    if not reach or limit < 1:
        return
    left = limit
    for window in _windows(wanted, await _latest(db, wanted, after)):
        stages = _pipeline(reach, wanted, window, after, left)
        async with await db.audit_blocks.aggregate(stages, batchSize=size) as cursor:
            async for record in cursor:
                left -= 1
                yield _found(record)
        if left <= 0:
            break


async def _latest(db: AsyncDatabase[Record], wanted: AuditFilter, after: RecordPlace | None) -> datetime | None:
    """The time of the last block that may hold any; None is no bound."""
    known = None if wanted.until is None else wanted.until + LAG
    block = await db.audit_blocks.find_one({"_id": after.block}, {"at": 1}) if after else None
    if block is None:
        return known
    at: datetime = block["at"]
    return at if known is None else min(known, at)


def _windows(wanted: AuditFilter, latest: datetime | None) -> Iterator[Record]:
    """Times of blocks, from the latest back: each window larger than the one before."""
    end, width = latest, FIRST_WINDOW
    floor = wanted.since or BEGINNING
    while end is None or end >= floor:
        reached = end or now()
        start = max(floor, reached - width) if reached - BEGINNING > width else floor
        yield {"$gte": start} if end is None else {"$gte": start, "$lt" if end != latest else "$lte": end}
        if start <= floor:
            return
        end, width = start, width * GROWTH


def _pipeline(
    reach: Scopes, wanted: AuditFilter, window: Record, after: RecordPlace | None, limit: int
) -> list[Record]:
    """First what an index answers, then the rest, then the same for each single record."""
    stages: list[Record] = [{"$match": {**wanted.indexed, "at": window}}]
    if after is not None:
        stages.append({"$match": {"_id": {"$lte": after.block}}})
    stages += [
        {"$unwind": "$records"},
        {"$replaceRoot": {"newRoot": {"$mergeObjects": ["$records", {"block": "$_id"}]}}},
        {"$match": {"$and": [wanted.query, _before(after), _any_of(reach)]}},
        {"$sort": {"block": -1, "n": -1}},
        {"$limit": limit},
    ]
    return stages


def _before(after: RecordPlace | None) -> Record:
    if after is None:
        return {}
    same = {"block": after.block, "n": {"$lt": after.n}}
    return {"$or": [{"block": {"$lt": after.block}}, same]}


def _any_of(scopes: Scopes) -> Record:
    return {} if any(not scope for scope in scopes) else {"$or": [dict(scope) for scope in scopes]}


def _found(record: Record) -> Found:
    block = record.pop("block")
    return Found(RecordPlace(block, record["n"]), AuditRecord.model_validate(record))
