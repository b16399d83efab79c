"""The register: all or nothing, counted, written down, and told to every worker's catalog."""

from asyncio import CancelledError, Event, create_task, gather, wait_for
from dataclasses import dataclass

import pytest
from pymongo.errors import ServerSelectionTimeoutError

from api.persisted.catalog import FRESH_SECONDS, Catalog
from models.database import Database
from models.trusted_document import TrustedSet
from permissions.audit.events import SYSTEM
from permissions.audit.log import AuditLog
from permissions.errors import ConflictingError, InvalidChangeError
from permissions.operations import registry
from permissions.operations.manifest import Entry, digest
from permissions.operations.registry import FlawedManifestError, OperationRegister, Registered


class Anything:
    """Finds no flaw but in texts that say so."""

    def flaw(self, text: str) -> str | None:
        return "it is bad" if "bad" in text else None

    def name(self, text: str) -> str | None:
        return text.split()[1]


JUDGE = Anything()


def entries(*names: str) -> list[Entry]:
    return [Entry(name, f"query {name} {{ me {{ id }} }}") for name in names]


async def kept(database: Database) -> list[str]:
    return sorted([each["_id"] async for each in database.db.trusted_documents.find({}, {"_id": 1})])


async def records(log: AuditLog, database: Database) -> list[tuple[str, str]]:
    await log.flush()
    blocks = await database.db.audit_blocks.find({}).to_list()
    found = [each for block in blocks for each in block["records"] if each["kind"].startswith("operations.")]
    return [(each["kind"], each.get("after") or each["before"]) for each in found]


async def test_a_manifest_is_taken_whole_or_not_at_all_and_again_changes_nothing(
    database: Database, audit: AuditLog
) -> None:
    register = OperationRegister(audit)
    with pytest.raises(FlawedManifestError) as refused:
        await register.register(entries("a", "bad"), JUDGE, SYSTEM)
    assert [each.id for each in refused.value.flaws] == ["bad"]
    assert await kept(database) == []
    assert await register.register(entries("a", "b"), JUDGE, SYSTEM, client="web") == Registered(2, 0)
    assert await register.register(entries("b", "c"), JUDGE, SYSTEM) == Registered(1, 1)
    with pytest.raises(ConflictingError, match="`b` is registered with another text"):
        await register.register([*entries("d"), Entry("b", "{ me { email } }")], JUDGE, SYSTEM)
    assert await kept(database) == ["a", "b", "c"]
    assert await register.remove(["a", "c", "nothing"], SYSTEM) == 2
    assert await register.remove(["a"], SYSTEM) == 0
    (left,) = await register.all()
    assert (left.name, left.client, left.sha256) == ("b", "web", digest(left.text))
    told = await TrustedSet.find_one({"_id": "all"})
    assert told == TrustedSet(id="all", revision=3, documents=1, characters=len(left.text))
    assert await records(audit, database) == [
        ("operations.registered", '{"client":"web","ids":["a","b"]}'),
        ("operations.registered", '{"ids":["c"]}'),
        ("operations.removed", '{"ids":["a","c"]}'),
    ]


async def test_of_several_who_register_at_once_none_is_lost_and_the_count_is_right(database: Database) -> None:
    register = OperationRegister()
    manifests = [entries(*(f"d{number}" for number in range(start, start + 4))) for start in range(0, 12, 2)]
    done = await gather(*(register.register(each, JUDGE, SYSTEM) for each in manifests))
    assert sum(each.added for each in done) == len(await kept(database)) == 14
    told = await TrustedSet.find_one({"_id": "all"})
    assert told is not None
    assert told.documents == 14


async def test_there_is_room_for_so_much_and_what_is_over_changes_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "MOST_DOCUMENTS", 3)
    register = OperationRegister()
    await register.register(entries("a", "b"), JUDGE, SYSTEM)
    with pytest.raises(ConflictingError, match="no room"):
        await register.register(entries("c", "d"), JUDGE, SYSTEM)
    assert (await kept(database), await register.revision()) == (["a", "b"], 1)
    await register.register(entries("c"), JUDGE, SYSTEM)
    monkeypatch.setattr(registry, "MOST_CHARACTERS", 1)
    await register.remove(["c"], SYSTEM)
    for client in ("", "x" * 101, "a\nb"):
        with pytest.raises(InvalidChangeError):
            await register.register(entries("c"), JUDGE, SYSTEM, client=client)


@dataclass
class Clock:
    """Stands."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


async def test_another_worker_knows_of_a_removal_within_a_second_and_asks_no_oftener(database: Database) -> None:
    clock = Clock()
    here, there = OperationRegister(), OperationRegister()
    await here.register(entries("a"), JUDGE, SYSTEM)
    catalog = Catalog(there, clock)
    trusted = await catalog.trusted()
    assert trusted.texts["a"] == trusted.texts[digest(trusted.texts["a"])]
    await here.remove(["a"], SYSTEM)
    clock.now += FRESH_SECONDS / 2
    assert await catalog.trusted() is trusted
    clock.now += FRESH_SECONDS / 2
    assert (await catalog.trusted()).texts == {}


class Away(OperationRegister):
    """Its store does not answer, and that takes until `found_out`."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.begun = Event()
        self.found_out = Event()

    async def revision(self) -> int:
        self.asked += 1
        self.begun.set()
        await self.found_out.wait()
        raise ServerSelectionTimeoutError("away")


async def test_while_the_store_is_away_all_wait_for_one_answer_and_not_in_a_line() -> None:
    register = Away()
    catalog = Catalog(register)
    waiting = [create_task(catalog.trusted()) for _ in range(10)]
    gone = create_task(catalog.trusted())
    await register.begun.wait()
    gone.cancel()
    register.found_out.set()
    found = await wait_for(gather(*waiting, gone, return_exceptions=True), 10)
    assert [type(each) for each in found] == [ServerSelectionTimeoutError] * 10 + [CancelledError]
    assert register.asked == 1
    with pytest.raises(ServerSelectionTimeoutError):
        await catalog.trusted()
    assert register.asked == 2, "and the next one asks again"
