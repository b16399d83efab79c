"""A backup made while there are writers, continued, and restored as of moments of which a model tells."""

import asyncio
import random
from copy import deepcopy
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from models.attachments.chunks import Chunks
from models.backup import backup, copying
from models.backup.backup import back_up
from models.backup.catalog import Generation, chosen, generations, keep
from models.backup.errors import BusyError, NoBackupError, OutOfRangeError, StreamError
from models.backup.files import locked
from models.backup.stream import indexes
from models.bucket import MessageRole
from models.conversation import Conversation
from models.database import Database, Record
from models.search.indexer import Indexer
from models.tree import Address, Draft, MessageTree
from tests.models.backup.stored import everything, later, messages, modes, names, restore
from tests.models.tree.conftest import started

Known = dict[tuple[str, str, int], tuple[Any, bool]]


class Writer:
    """Appends, forks and deletes at random, and remembers what it was told is stored."""

    def __init__(self, tree: MessageTree, conversations: list[Conversation], seed: int) -> None:
        self.tree = tree
        self.conversations = conversations
        self.choose = random.Random(seed)
        self.known: Known = {}

    async def write(self) -> None:
        conversation = self.choose.choice(self.conversations)
        mine = [place for place in self.known if place[0] == str(conversation.id)]
        what = self.choose.random() if mine else 0
        if what < 0.6:
            draft = Draft(MessageRole.USER, f"text {len(self.known)}", conversation.owner_id)
            await self._add(conversation, await self.tree.append_at_end(conversation, "main", draft))
            return
        _, branch, depth = place = self.choose.choice(mine)
        if what < 0.8:
            draft = Draft(MessageRole.ASSISTANT, f"fork {len(self.known)}", conversation.owner_id)
            await self._add(conversation, await self.tree.append(conversation, Address(branch, depth), draft))
        else:
            await self.tree.delete(conversation, Address(branch, depth), conversation.owner_id)
            self.known[place] = (self.known[place][0], True)

    async def _add(self, conversation: Conversation, appended: Any) -> None:
        address = appended.address
        self.known[str(conversation.id), address.branch, address.depth] = (appended.message["content"], False)

    async def until(self, done: "asyncio.Task[Any]") -> None:
        while not done.done():
            await self.write()

    def mark(self) -> tuple[datetime, Known]:
        """This moment, and what is stored at it."""
        return later(), deepcopy(self.known)


async def filled(tree: MessageTree, seed: int, writes: int = 60) -> Writer:
    writer = Writer(tree, [await started(tree) for _ in range(3)], seed)
    for _ in range(writes):
        await writer.write()
    return writer


async def test_every_message_is_there_as_it_was_at_each_moment(
    tree: MessageTree,
    database: Database,
    target: AsyncDatabase[Record],
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(copying, "CHUNK_BYTES", 4_000)  # so that the writer comes between many times
    monkeypatch.setattr(backup, "DRAIN_SECONDS", 0.0)
    writer = await filled(tree, seed=1)
    first = asyncio.create_task(back_up(database.db, directory))
    await writer.until(first)
    report = first.result()
    assert report.changes > 10, "nobody wrote while it was copied"
    moments = []
    for _ in range(2):
        for _ in range(5):
            await writer.write()
        moments.append(writer.mark())
        second = asyncio.create_task(back_up(database.db, directory))
        await writer.until(second)
        assert second.result().copied is None
        moments.append(writer.mark())
    last = await back_up(database.db, directory)
    assert last.generation.path == report.generation.path
    for at, known in moments:
        await restore(directory, target, at)
        assert await messages(target) == known
    await restore(directory, target)
    assert await everything(target) == await everything(database.db)
    assert await messages(target) == writer.known


async def test_a_restored_tree_is_indexed_and_goes_on(
    tree: MessageTree, database: Database, target: AsyncDatabase[Record], directory: Path
) -> None:
    writer = await filled(tree, 5)
    await back_up(database.db, directory)
    await restore(directory, target)
    indexer = Indexer(target)
    indexed = 0
    while taken := await indexer.take():
        indexed += taken
    assert indexed == len(writer.known)  # the deleted ones, too: they may be restored
    again = Writer(MessageTree(target, tree.limits), writer.conversations, 6)
    again.known = deepcopy(writer.known)
    for _ in range(20):
        await again.write()
    assert await messages(target) == again.known


async def test_files_come_back_and_so_do_indexes(
    database: Database, target: AsyncDatabase[Record], directory: Path, tree: MessageTree
) -> None:
    conversation = await started(tree)
    data = random.Random(7).randbytes(600_000)
    chunks = Chunks(database.db)
    await chunks.write(conversation.id, 0, data[:300_000])
    await back_up(database.db, directory)
    await chunks.write(conversation.id, 1, data[300_000:])
    await back_up(database.db, directory)
    await restore(directory, target)
    found = [each async for each in target["attachments.chunks"].find({"files_id": conversation.id})]
    assert b"".join(each["data"] for each in sorted(found, key=lambda each: each["n"])) == data
    wanted = {name: sorted(map(str, each)) for name, each in (await indexes(database.db)).items() if len(each) > 1}
    made = {name: sorted(map(str, each)) for name, each in (await indexes(target)).items() if len(each) > 1}
    assert made == wanted


async def test_only_what_changed_is_added(tree: MessageTree, database: Database, directory: Path) -> None:
    writer = await filled(tree, 1, writes=20)
    first = await back_up(database.db, directory)
    before = written(first.generation)
    assert (await back_up(database.db, directory)).changes == 0
    await writer.write()
    added = await back_up(database.db, directory)
    assert added.copied is None
    assert 0 < added.changes < 10
    assert written(first.generation) == before


def written(generation: Generation) -> dict[Path, int]:
    """When each file of the base was."""
    return {each: each.stat().st_mtime_ns for each in generation.path.glob("base*")}


async def test_collections_that_are_dropped_and_made_again(
    database: Database, target: AsyncDatabase[Record], directory: Path
) -> None:
    db = database.db
    await db.things.insert_many([{"_id": 1, "v": 1}, {"_id": 2, "v": 1}])
    await back_up(db, directory)
    await db.things.update_one({"_id": 1}, {"$set": {"v": 2}})
    await db.things.insert_one({"_id": 3})
    before = later()
    await db.things.drop()
    between = later()
    await db.things.insert_one({"_id": 2, "v": 3})
    await back_up(db, directory)
    for at, wanted in ((before, [(1, 2), (2, 1), (3, None)]), (between, []), (None, [(2, 3)])):
        await restore(directory, target, at)
        assert sorted([(each["_id"], each.get("v")) async for each in target.things.find({})]) == wanted


async def test_a_rename_makes_a_new_base_and_says_why(
    database: Database, target: AsyncDatabase[Record], directory: Path
) -> None:
    db = database.db
    await db.things.insert_one({"_id": 1})
    first = await back_up(db, directory)
    await db.things.insert_one({"_id": 2})
    at = later()
    await db.things.rename("others")
    report = await back_up(db, directory)
    assert (report.copied, report.reason) != (None, None)
    assert "rename" in (report.reason or "")
    assert len(generations(directory)) == 2
    ended = Generation.read(first.generation.path)
    assert ended.journal.ended
    assert ended.journal.reached <= at
    await restore(directory, target)
    assert [each["_id"] async for each in target.others.find({})] == [1, 2]


async def test_where_history_is_gone_a_new_base_is_made(database: Database, directory: Path) -> None:
    await back_up(database.db, directory)
    fault = {"failCommands": ["aggregate"], "errorCode": 286}
    await database.client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": fault})
    report = await back_up(database.db, directory)
    assert report.copied is not None
    assert "doesn't know any more what changed" in (report.reason or "")
    assert (await back_up(database.db, directory)).copied is None


async def test_a_server_without_change_streams_is_told_of(database: Database, directory: Path) -> None:
    fault = {"failCommands": ["aggregate"], "errorCode": 40573}
    await database.client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": fault})
    with pytest.raises(StreamError, match="replica set"):
        await back_up(database.db, directory)
    with pytest.raises(NoBackupError):
        chosen(directory, None)


async def test_another_database_is_not_continued(
    database: Database, target: AsyncDatabase[Record], directory: Path
) -> None:
    """Neither one that was restored from the same backup: their ways have parted."""
    await database.db.things.insert_one({"_id": 1})
    await back_up(database.db, directory)
    await restore(directory, target)
    report = await back_up(target, directory)
    assert report.reason == "the last one is of another database"
    assert (await back_up(target, directory)).copied is None


async def test_moments_that_no_backup_reaches_are_refused(database: Database, directory: Path) -> None:
    with pytest.raises(NoBackupError):
        chosen(directory, None)
    report = await back_up(database.db, directory)
    first, last = report.generation.base.complete_at, report.generation.journal.reached
    assert chosen(directory, first).path == chosen(directory, last).path
    for at in (first - timedelta(milliseconds=1), last + timedelta(milliseconds=1)):
        with pytest.raises(OutOfRangeError, match="no backup reaches"):
            chosen(directory, at)


async def test_only_the_newest_are_kept(database: Database, directory: Path) -> None:
    made = [(await back_up(database.db, directory, fresh=True)).generation.path for _ in range(3)]
    assert set(generations(directory)) == set(made)
    assert keep(directory, 1) == 2
    assert len(generations(directory)) == 1
    assert names(directory) == [made[-1].name, "lock"]


async def test_two_at_once_are_refused(database: Database, directory: Path) -> None:
    with locked(directory), pytest.raises(BusyError):
        await back_up(database.db, directory)


async def test_nobody_else_may_read_it(database: Database, directory: Path) -> None:
    await database.db.things.insert_one({"_id": 1})
    await back_up(database.db, directory)
    files, directories = modes(directory)
    assert (files, directories) == ({0o600}, {0o700})


async def test_following_goes_on_until_it_is_told_to_stop(database: Database, directory: Path) -> None:
    stop, heard = asyncio.Event(), asyncio.Event()
    seen: list[int] = []

    def told(outcome: Any) -> None:
        seen.append(outcome.changes)
        heard.set()

    async with asyncio.timeout(20):
        following = asyncio.create_task(backup.follow(database.db, directory, 0.01, stop, told))
        while sum(seen[1:]) < 3:
            await database.db.things.insert_one({})
            await heard.wait()
            heard.clear()
        stop.set()
        await following
