"""What is in a database, to be compared."""

from datetime import datetime
from pathlib import Path
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from models.backup.catalog import chosen
from models.backup.changes import kept
from models.backup.restoring import Restoration, release
from models.clock import now
from models.database import Record

MARKS = ("unindexed", "indexed_to")
"""A restored bucket's messages have to be indexed anew."""


async def restore(directory: Path, target: AsyncDatabase[Record], at: datetime | None = None) -> None:
    """Empty `target`, and restore into it."""
    await target.client.drop_database(target.name)
    generation = chosen(directory, at)
    with Restoration(generation, at or generation.journal.reached) as restoration:
        await restoration.into(target, lambda _: None)
    await release(target)


async def everything(db: AsyncDatabase[Record]) -> dict[str, dict[Any, Record]]:
    """Every document of every collection that is backed up, by id."""
    found: dict[str, dict[Any, Record]] = {}
    for name in await db.list_collection_names():
        documents = {str(each["_id"]): _unmarked(each) async for each in db[name].find({})} if kept(name) else {}
        if documents:
            found[name] = documents
    return found


def _unmarked(document: Record) -> Record:
    return {name: held for name, held in document.items() if name not in MARKS}


async def messages(db: AsyncDatabase[Record]) -> dict[tuple[str, str, int], tuple[Any, bool]]:
    """Every message: by conversation, branch and depth its content, and whether it is deleted."""
    found: dict[tuple[str, str, int], tuple[Any, bool]] = {}
    async for bucket in db.buckets.find({}):
        for message in bucket["messages"]:
            place = (str(bucket["conversation_id"]), bucket["branch"], message["depth"])
            assert place not in found
            found[place] = (message.get("content"), message.get("deleted_at") is not None)
    return found


def names(directory: Path) -> list[str]:
    """What is in it."""
    return sorted(each.name for each in directory.iterdir())


def modes(directory: Path) -> tuple[set[int], set[int]]:
    """Who may do what: with the files in it, and with it and the directories in it."""
    paths = (directory, *directory.rglob("*"))
    files, directories = (
        {each.stat().st_mode & 0o777 for each in paths if each.is_dir() is what} for what in (False, True)
    )
    return files, directories


def later() -> datetime:
    """This moment; what follows is of a later millisecond."""
    at = now()
    while now() <= at:
        pass
    return at
