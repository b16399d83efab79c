"""What is not as it was written is named, before anything is restored from it."""

import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from models.backup.backup import back_up
from models.backup.catalog import JOURNAL, Generation, Journal, chosen, generations
from models.backup.errors import DamagedError, DifferentError, NotEmptyError
from models.backup.files import write_form
from models.backup.restoring import Restoration
from models.backup.verification import verify
from models.database import Database, Record
from models.migrations import UnfinishedRestoreError, migrate
from models.migrations.runner import RESTORING
from tests.models.backup.stored import everything, names, restore


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 3)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


async def test_harm_to_any_file_is_named(database: Database, directory: Path, tmp_path: Path) -> None:
    await database.db.things.insert_many([{"_id": n, "text": "x" * n} for n in range(50)])
    await back_up(database.db, directory)
    await database.db.things.update_one({"_id": 1}, {"$set": {"v": 1}})
    await back_up(database.db, directory)
    files = names(generations(directory)[0])
    assert files[0] == "base-000001"
    assert {"base.json", "journal-000001", "journal.json"} < set(files)
    harms: list[Callable[[Path], None]] = [cut, flip, Path.unlink]
    for number, (name, harm) in enumerate(product(files, harms)):
        copy = tmp_path / str(number)
        shutil.copytree(directory, copy)
        file = generations(copy)[0] / name
        harm(file)
        [found] = verify(copy)
        assert found.flaw, (name, harm)
        assert found.flaw.file == file
        with pytest.raises(DamagedError, match=name):
            entered(copy)


def entered(directory: Path) -> None:
    """As a restore begins, before it looks at the database."""
    generation = chosen(directory, None)
    with Restoration(generation, generation.journal.reached):
        pytest.fail("it began")


async def test_nothing_is_added_behind_a_gap(database: Database, directory: Path) -> None:
    await back_up(database.db, directory)
    cut(generations(directory)[0] / "journal-000001")
    with pytest.raises(DamagedError, match="journal-000001"):
        await back_up(database.db, directory)


async def test_a_damaged_one_can_be_followed_by_a_new_one(database: Database, directory: Path) -> None:
    first = (await back_up(database.db, directory)).generation.path
    flip(first / "base.json")
    with pytest.raises(DamagedError, match="--new"):
        await back_up(database.db, directory)
    assert (await back_up(database.db, directory, fresh=True)).copied is not None
    assert [each.flaw is None for each in verify(directory)] == [False, True]


async def test_frames_of_another_journal_dont_fit(database: Database, directory: Path, tmp_path: Path) -> None:
    """Each is whole, but not the one that was written there."""
    await back_up(database.db, directory)
    generation = Generation.read(generations(directory)[0])
    other = tmp_path / "other"
    shutil.copytree(directory, other)
    for n, where in enumerate((directory, other)):
        await database.db.things.insert_one({"_id": n})
        await back_up(database.db, where)
    name = generation.path.name
    ours, theirs = (where / name / "journal-000001" for where in (directory, other))
    shutil.copy(theirs, ours)
    [found] = verify(directory)
    assert found.flaw


async def test_what_a_killed_backup_left_is_cut_off(
    database: Database, target: AsyncDatabase[Record], directory: Path
) -> None:
    await back_up(database.db, directory)
    generation = Generation.read(generations(directory)[0])
    with (generation.path / generation.journal.files[-1].file).open("ab") as file:
        file.write(b"half a frame")
    (generation.path / "journal-000009").write_bytes(b"more")
    (directory / "000009-20260101T000000Z.unfinished").mkdir()
    (directory / "novel.unfinished").mkdir()  # somebody else's
    assert verify(directory)[0].flaw is None
    await database.db.things.insert_one({"_id": 1})
    await back_up(database.db, directory)
    assert verify(directory)[0].flaw is None
    assert not (generation.path / "journal-000009").exists()
    assert names(directory) == [generation.path.name, "lock", "novel.unfinished"]
    await restore(directory, target)
    assert await everything(target) == await everything(database.db)


async def test_an_earlier_end_is_good_by_itself(
    database: Database, target: AsyncDatabase[Record], directory: Path
) -> None:
    """As a backup that is killed between the journal and its end leaves it."""
    first = await back_up(database.db, directory)
    await database.db.things.insert_one({"_id": 1})
    await back_up(database.db, directory)
    earlier: Journal = first.generation.journal
    write_form(first.generation.path / JOURNAL, earlier)
    await restore(directory, target)
    assert await target.things.find_one({}) is None
    assert (await back_up(database.db, directory)).changes == 2  # the document, and its new collection's indexes
    await restore(directory, target)
    assert await target.things.find_one({}) == {"_id": 1}


async def test_what_is_not_empty_is_left_alone(
    database: Database, target: AsyncDatabase[Record], directory: Path
) -> None:
    await back_up(database.db, directory)
    generation = chosen(directory, None)
    await target.others.insert_one({"_id": 1})
    refused = pytest.raises(NotEmptyError, match="`others` has documents")
    with Restoration(generation, generation.journal.reached) as restoration, refused:
        await restoration.into(target, lambda _: None)
    assert await target.list_collection_names() == ["others"]


async def test_nobody_works_on_half_a_restore(
    database: Database, target: AsyncDatabase[Record], directory: Path
) -> None:
    await back_up(database.db, directory)
    await target.backups.insert_one(dict(RESTORING))
    with pytest.raises(UnfinishedRestoreError):
        await migrate(target)
    generation = chosen(directory, None)
    refused = pytest.raises(NotEmptyError, match="cut short")
    with Restoration(generation, generation.journal.reached) as restoration, refused:
        await restoration.into(target, lambda _: None)


async def test_what_another_changes_meanwhile_is_found(
    database: Database, target: AsyncDatabase[Record], directory: Path
) -> None:
    await database.db.things.insert_many([{"_id": n} for n in range(5)])
    await database.db.brief.create_index("at", expireAfterSeconds=3_600)
    await database.db.brief.insert_one({"_id": 1})
    await back_up(database.db, directory)
    generation = chosen(directory, None)
    with Restoration(generation, generation.journal.reached) as restoration:
        await restoration.into(target, lambda _: None)
        await target.brief.delete_one({"_id": 1})  # as MongoDB does by itself
        await restoration.compare(target)
        await target.things.update_one({"_id": 1}, {"$set": {"v": 1}})
        with pytest.raises(DifferentError, match="things"):
            await restoration.compare(target)
