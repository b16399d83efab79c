"""`kill -9` in the middle of an export and of an import, and what the next try makes of it."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from models.conversation import Conversation
from models.database import Database, Record
from models.embedded import EmbeddedStores
from models.tree import MessageTree
from models.tree.sowing import Sowing
from tests.models.transfer.parley.measured import sown
from tests.models.transfer.parley.trees import SMALL, exported, imported, of_owner, person, seen
from tests.models.tree.trees import nested, planted
from tests.models.tree.wellformed import check_well_formed
from tests.processes import kill_9, until

EACH = 300
"""Messages of a conversation."""


@pytest.fixture
def started(stores: EmbeddedStores, database: Database) -> Iterator["Started"]:
    with Started(stores.mongodb_uri, database.db.name) as running:
        yield running


class Started:
    """Exports and imports in processes of their own; none is left."""

    def __init__(self, uri: str, name: str) -> None:
        self._command = [sys.executable, "-m", "tests.models.transfer.parley.measured", uri, name]
        self._running: list[subprocess.Popen[bytes]] = []

    def __call__(self, what: str, path: Path) -> subprocess.Popen[bytes]:
        self._running.append(subprocess.Popen([*self._command, what, str(path)], stdout=subprocess.PIPE))
        return self._running[-1]

    def __enter__(self) -> "Started":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


async def test_a_killed_export_goes_on_after_its_last_whole_conversation(
    database: Database, tmp_path: Path, started: Started
) -> None:
    for _ in range(12):
        await sown(database, EACH)
    path, part = tmp_path / "out", tmp_path / ".out.all.parley.part"
    process = started("export", path)
    await asyncio.to_thread(until, lambda: part.exists() and part.read_bytes().count(b'{"type":"end"') >= 3)
    kill_9(process.pid)
    process.wait()
    assert not path.exists()
    assert part.stat().st_mode & 0o777 == 0o600
    with part.open("ab") as file:
        file.write(b'{"type":"conversation","id":"half')
    kept = part.read_bytes().rpartition(b'{"type":"end"')[0]
    assert (await asyncio.to_thread(started("export", path).communicate))[0].split()[2] == str(12 * EACH).encode()
    assert (path.stat().st_mode & 0o777, part.exists()) == (0o600, False)
    assert path.read_bytes().startswith(kept)
    whole = await exported(database, await Conversation.find({}).sort("_id").to_list())
    assert path.read_bytes().partition(b"\n")[2] == whole.partition(b"\n")[2]


async def test_a_killed_import_is_completed_by_the_next(database: Database, tmp_path: Path, started: Started) -> None:
    path = tmp_path / "in"
    path.write_bytes(await exported(database, [await sown(database, 2 * EACH)]))
    await database.db.buckets.delete_many({})
    await database.db.conversations.delete_many({})
    process = started("import-slowly", path)

    async def begun() -> bool:
        return await database.db.buckets.find_one({}) is not None

    while not await begun():
        assert process.poll() is None
        await asyncio.sleep(0.02)  # what looks without a pause takes the importer's processor
    kill_9(process.pid)
    process.wait()
    assert await Conversation.find({}).to_list() == []  # nobody sees half of it
    before = {each["_id"] async for each in database.db.buckets.find({}, {"_id": 1})}
    done = await asyncio.to_thread(started("import", path).communicate)
    assert done[0].split()[2] == str(2 * EACH).encode()
    (stored,) = await Conversation.find({}).to_list()
    assert before <= {each["_id"] async for each in database.db.buckets.find({}, {"_id": 1})}
    await check_well_formed(database.db, stored.id)
    assert (stored.message_count, stored.branch_count) == (2 * EACH, 1 + 2 * EACH // 21)


class CutShortError(Exception):
    """As if the process had ended."""


class Dying(Sowing):
    """Ends before it sends so many batches."""

    left = 0

    async def _insert_missing(self, collection: str, batch: list[Record]) -> bool:
        Dying.left -= 1
        if Dying.left == 0:
            raise CutShortError
        return await super()._insert_missing(collection, batch)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each bucket is sent by itself, and few lineages are remembered."""
    monkeypatch.setattr("models.tree.sowing.BATCH_BYTES", 1)
    monkeypatch.setattr("models.tree.sowing.LINEAGES", 3)
    monkeypatch.setattr("models.transfer.parley.importing.Sowing", Dying)


@pytest.mark.usefixtures("small_batches")
async def test_wherever_an_import_ends_the_next_completes_it(database: Database, tmp_path: Path) -> None:
    tree, owner = MessageTree(database.db, SMALL), person(2)
    source, other = await planted(tree, nested(12)), await planted(tree, nested(3))
    data, path = await exported(database, [source]), tmp_path / "in"
    for cut in (1, 2, 9, 20):
        Dying.left = cut
        with pytest.raises(CutShortError):
            await imported(database, data, owner, path)
        assert await of_owner(owner) == []
        assert (await imported(database, data, owner, path)).imported == 1
        (copy,) = await of_owner(owner)
        assert await seen(tree, copy) == await seen(tree, source)
        await check_well_formed(database.db, copy.id)
        await database.db.conversations.delete_one({"_id": copy.id})
    renamed = (await exported(database, [other.model_copy(update={"title": "another"})])).splitlines(keepends=True)
    assert (await imported(database, sealed(renamed, str(source.id)), owner, path)).imported == 1
    (copy,) = await of_owner(owner)  # what was left of the first text is swept away
    assert (await seen(tree, copy))["paths"] == (await seen(tree, other))["paths"]
    await check_well_formed(database.db, copy.id)


@pytest.mark.usefixtures("small_batches")
async def test_another_text_of_the_same_id_is_refused_while_one_is_imported(database: Database, tmp_path: Path) -> None:
    tree, owner, path = MessageTree(database.db, SMALL), person(2), tmp_path / "in"
    source, other = await planted(tree, nested(4)), await planted(tree, nested(3))
    data = await exported(database, [source])
    renamed = (await exported(database, [other])).splitlines(keepends=True)
    Dying.left = 2
    with pytest.raises(CutShortError):
        await imported(database, data, owner, path)
    refused = await imported(database, sealed(renamed, str(source.id)), owner, path)
    assert (refused.imported, refused.unchanged, refused.refused) == (0, 0, 1)
    assert "another text is being stored as this conversation" in refused.refusals[0].reason
    assert (await imported(database, data, owner, path)).imported == 1
    (copy,) = await of_owner(owner)
    assert await seen(tree, copy) == await seen(tree, source)
    assert (await imported(database, sealed(renamed, str(source.id)), owner, path)).unchanged == 1


def sealed(lines: list[bytes], id: str) -> bytes:
    """An export of one conversation under another id, with a checksum that is right."""
    first, head, *body, end, done = lines
    head = orjson.dumps({**orjson.loads(head), "id": id}) + b"\n"
    digest = sha256(b"".join([head, *body])).hexdigest()
    end = orjson.dumps({**orjson.loads(end), "id": id, "sha256": digest}) + b"\n"
    return b"".join([first, head, *body, end, done])
