"""The log on a real store: who waits, who doesn't, many workers, and workers that die."""

import asyncio
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from bson import ObjectId
from redis.asyncio import Redis

from models.clock import now
from models.database import Database
from models.embedded import EmbeddedStores
from permissions.access import Access, Takings
from permissions.audit.anchors import MemoryAnchor, RedisAnchor
from permissions.audit.blocks import Blocks
from permissions.audit.chain import Head
from permissions.audit.events import Origin, Target, decoded
from permissions.audit.log import Allows, AuditLog, Keeping
from permissions.engine.facts import Assignment, Env, Resource, Subject
from permissions.engine.rulebook import Grant, Role
from permissions.engine.rules import Effect
from permissions.engine.snapshot import Snapshot
from tests.audited import SEALER, new_log
from tests.permissions.audit.checked import checked, found, stored
from tests.processes import kill_9

ALICE = ObjectId()
ORIGIN = Origin(ALICE, "her session", "192.0.2.7", "request 1")
SNAPSHOT = Snapshot([Role("reader", grants=(Grant(Effect.ALLOW, "report:read"),))], revision="7")


def access(attributes: dict[str, Any] | None = None) -> Access:
    subject = Subject(ALICE, (Assignment("reader"),), attributes or {"region": "EMEA", "clearance": 2})
    return Access(SNAPSHOT, subject, Env(now(), {"ip": "192.0.2.7"}))


def takings(*questions: tuple[str, str]) -> Takings:
    """What is decided when Alice asks these."""
    hers = access()
    for action, name in questions:
        hers.decide(action, Resource("report", name, {"owner_id": ALICE}))
    return hers.takings()


async def test_a_denial_is_stored_when_keeping_returns(database: Database, audit: AuditLog) -> None:
    await audit.keep(takings(("report:delete", "123")), ORIGIN)
    (record,) = await stored(database)
    assert (record.kind, record.effect, record.action) == ("decision", "deny", "report:delete")
    assert (record.by, record.session, record.ip, record.request) == (
        str(ALICE),
        "her session",
        "192.0.2.7",
        "request 1",
    )
    assert (record.resource_type, record.resource_id) == ("report", "123")
    assert (record.strategy, record.revision, record.reason) == ("deny_overrides", "7", "denied: no rule allows it")
    assert record.decision
    assert await audit.find_decision(record.decision) == record
    assert await audit.find_decision("another") is None


async def test_the_facts_of_a_decision_come_back_as_they_were(database: Database, audit: AuditLog) -> None:
    taken = takings(("report:delete", "123"))
    await audit.keep(taken, ORIGIN)
    (record,) = await stored(database)
    assert record.facts
    assert decoded(record.facts) == {
        "ahead": False,
        "time": taken.denied[0].env.time,
        "user_id": ALICE,
        "resource_id": "123",
        "roles": ["reader"],
        "user": {"region": "EMEA", "clearance": 2},
        "resource": {"owner_id": ALICE},
        "env": {"ip": "192.0.2.7"},
    }


@pytest.mark.parametrize(
    "attributes",
    [
        {"a": "x" * 5_000},
        {"$where": 1, "a.b": {"$gt": ""}},
        {"a": "\ud800"},
        {"\ud800": 1},
        {"n": float("nan")},
        {"o": object()},
    ],
)
async def test_no_attribute_keeps_a_denial_from_being_stored(
    database: Database, anchor: MemoryAnchor, audit: AuditLog, attributes: dict[str, Any]
) -> None:
    hers = access(attributes)
    hers.decide("report:delete", Resource("report", "\ud800" + "x" * 500))
    await audit.keep(hers.takings(), ORIGIN)
    (record,) = await stored(database)
    assert len(record.facts or "") <= 4_096
    assert await found(database, anchor) == []


async def test_what_was_allowed_follows_in_one_block_and_soon(database: Database, audit: AuditLog) -> None:
    for number in range(50):
        await audit.keep(takings(("report:read", str(number))), ORIGIN)
    assert await stored(database) == []
    await eventually(database, 50)
    assert await database.db.audit_blocks.count_documents({}) == 1


async def test_what_there_is_no_room_for_is_counted_and_told(database: Database, anchor: MemoryAnchor) -> None:
    async with new_log(database, anchor, delay=60, queue=10) as log:
        for number in range(25):
            await log.keep(takings(("report:read", str(number)), ("report:delete", str(number))), ORIGIN)
    records = await stored(database)
    effects = Counter(record.effect for record in records)
    told = [record.reason for record in records if record.kind == "decision.missed"]
    lost = sum(int((reason or "0").split()[0]) for reason in told)
    assert effects["deny"] == 25
    assert effects["allow"] + lost == 25
    assert await found(database, anchor) == []


async def test_a_request_keeps_no_more_than_its_share() -> None:
    hers = access()
    for number in range(1_500):
        hers.decide("report:read", Resource("report", str(number)))
    kept = hers.takings()
    assert (len(kept.allowed), kept.missed) == (1_000, 500)
    assert not hers.takings()


async def test_what_is_only_considered_is_not_logged() -> None:
    hers = access()
    hers.consider("report:delete", Resource("report", "1"))
    hers.permitted(Resource("conversation", "1"))
    assert not hers.takings()


@pytest.mark.parametrize(("allows", "kept"), [(Allows.OFF, 0), (Allows.SAMPLED, 1), (Allows.ALL, 2)])
def test_the_setting_says_which_requests_are_kept(allows: Allows, kept: int) -> None:
    chances = iter([0.05, 0.5])
    keeping = Keeping(allows, 0.1)
    assert sum(keeping.wanted(lambda: next(chances)) for _ in range(2)) == kept


async def test_a_change_is_stored_with_what_it_changed(database: Database, audit: AuditLog) -> None:
    await audit.write("role.changed", ORIGIN, Target("role", "editor"), {"a": 1}, {"a": {"$b": ALICE}}, "because")
    await audit.write("role.changed", ORIGIN, Target("role", "editor"), None, {"a": "x" * 20_000})
    first, second = await stored(database)
    assert (first.before, first.after, first.reason) == ('{"a":1}', f'{{"a":{{"$b":{{"$oid":"{ALICE}"}}}}}}', "because")
    assert second.before is None
    assert len(second.after or "") < 100


async def test_two_workers_write_a_thousand_records_each_once_in_one_chain(
    database: Database, anchor: MemoryAnchor
) -> None:
    async with new_log(database, anchor) as one, new_log(database, anchor) as other:
        await asyncio.gather(
            *((one, other)[n % 2].write("test", ORIGIN, Target("thing", str(n))) for n in range(1_000))
        )
    assert Counter(record.resource_id for record in await stored(database)) == Counter(str(n) for n in range(1_000))
    report = await checked(database, anchor)
    assert (report.findings, report.records) == ([], 1_000)


async def test_waiting_records_share_a_block(database: Database, audit: AuditLog) -> None:
    await asyncio.gather(*(audit.write("test", ORIGIN, Target("thing", str(n))) for n in range(200)))
    assert await database.db.audit_blocks.count_documents({}) <= 3


async def test_a_writer_that_leaves_takes_no_record_with_him(database: Database, audit: AuditLog) -> None:
    waiting = asyncio.create_task(audit.write("test", ORIGIN, Target("thing", "1")))
    await asyncio.sleep(0)
    waiting.cancel()
    await audit.write("test", ORIGIN, Target("thing", "2"))
    assert {"1", "2"} == {record.resource_id for record in await stored(database)}


WORKER = """
import asyncio, sys
from redis.asyncio import Redis
from models.database import Database
from permissions.audit.anchors import RedisAnchor
from permissions.audit.blocks import Blocks
from permissions.audit.events import Origin, Target
from permissions.audit.log import AuditLog, Keeping
from permissions.audit.writer import Writer
from tests.audited import SEALER

async def main(uri, name, redis_url, me, number):
    async with await Database.connect(uri, name) as database, Redis.from_url(redis_url) as redis:
        blocks = Blocks(database.db)
        writer = Writer(blocks, RedisAnchor(redis, SEALER, name), SEALER, delay=0.05, queue=1000)
        async with AuditLog(writer, blocks, Keeping()) as log:
            async def write(n):
                await log.write("test", Origin(), Target("thing", f"{me}.{n}"))
                print(f"{me}.{n}", flush=True)
            for first in range(0, int(number), 10):
                await asyncio.gather(*map(write, range(first, first + 10)))

asyncio.run(main(*sys.argv[1:]))
"""


def worker(stores: EmbeddedStores, database: Database, name: str, number: int) -> subprocess.Popen[str]:
    arguments = [stores.mongodb_uri, database.db.name, stores.redis_url, name, str(number)]
    return subprocess.Popen([sys.executable, "-c", WORKER, *arguments], stdout=subprocess.PIPE, text=True)


async def test_processes_write_one_chain_and_a_kill_loses_nothing_that_was_told(
    database: Database, redis: Redis, stores: EmbeddedStores
) -> None:
    workers = (("k", 100_000), ("a", 300), ("b", 300))
    killed, *others = [worker(stores, database, name, number) for name, number in workers]
    assert killed.stdout
    told = [killed.stdout.readline().strip() for _ in range(100)]
    kill_9(killed.pid)
    told += [line.strip() for line in await asyncio.to_thread(killed.stdout.readlines) if line.endswith("\n")]
    killed.wait()
    killed.stdout.close()
    for other in others:
        told += (await asyncio.to_thread(other.communicate))[0].split()
        assert other.returncode == 0
    count = Counter(record.resource_id for record in await stored(database))
    assert set(told) <= set(count)
    assert len(told) >= 700
    assert set(count.values()) == {1}
    assert await found(database, RedisAnchor(redis, SEALER, database.db.name)) == []


async def test_a_new_worker_goes_on_where_the_others_are_with_and_without_the_kept_head(
    database: Database, anchor: MemoryAnchor
) -> None:
    async with new_log(database, anchor) as log:
        for number in range(230):
            await log.write("test", ORIGIN, Target("thing", str(number)))
    for kept in (anchor, MemoryAnchor()):
        async with new_log(database, kept) as log:
            await log.write("test", ORIGIN, Target("thing"))
    report = await checked(database, MemoryAnchor(Head(232, *(await _head(database, 232))[1:])))
    assert (report.findings, report.records) == ([], 232)


class Distant(MemoryAnchor):
    """Takes its time."""

    async def move(self, head: Head) -> None:
        for _ in range(100):
            await asyncio.sleep(0)
        await super().move(head)


async def test_a_log_that_closes_has_its_last_head_kept(database: Database) -> None:
    distant = Distant()
    async with new_log(database, distant) as log:
        await log.write("test", ORIGIN, Target("thing"))
    assert distant.kept == await _head(database, 1)


async def _head(database: Database, number: int) -> Head:
    head = await Blocks(database.db).head(number)
    assert head
    return head


async def eventually(database: Database, number: int) -> None:
    """Wait until so many records are stored."""
    deadline = asyncio.get_running_loop().time() + 10
    while len(await stored(database)) < number:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)
