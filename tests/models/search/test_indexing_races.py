"""What goes for good while it is being indexed isn't in the index afterwards."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from beanie import PydanticObjectId

from models.database import Database
from models.search import outbox
from models.search.indexer import Indexer
from models.search.manifest import read_manifest
from models.search.rebuild import rebuild
from models.search.removals import IndexWatcher
from models.tree import MessageTree
from tests.models.search.corpus import LIMITS, Corpus

ALICE = PydanticObjectId()


async def take(corpus: Corpus) -> None:
    await corpus.indexer.take()


async def build_anew(corpus: Corpus) -> None:
    await rebuild(corpus.database.db)


@pytest.mark.parametrize("index", [take, build_anew])
async def test_what_is_erased_while_it_is_indexed_leaves_no_trace(
    index: Callable[[Corpus], Awaitable[None]], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = Corpus(database)
    tree = MessageTree(database.db, LIMITS, IndexWatcher(database.db))
    chat = await corpus.chat(ALICE, ["common zanzibar"])
    entries = outbox.Batch.entries
    read = outbox.batch

    async def interrupted(*args: Any) -> outbox.Batch:
        """Its text is read; then it goes, and another task of the same worker takes it out of the index."""
        found = await read(*args)
        await tree.erase_author(chat.id, ALICE)
        assert entries(found, everything=True)
        await Indexer(database.db).forget()
        return found

    monkeypatch.setattr(outbox, "batch", interrupted)
    await index(corpus)
    monkeypatch.undo()
    await corpus.indexer.forget()
    live = [part.id for part in (await read_manifest(database.db)).parts]
    pages = await database.db.search_pages.find().to_list()
    assert not [page for page in pages if page["_id"].partition(".")[0] in live and b"zanzibar" in page["data"]]
    assert await database.db.search_removals.count_documents({}) == 0
