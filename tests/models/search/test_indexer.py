"""The index stays true, wherever a worker dies and whoever works beside it."""

import asyncio
from datetime import timedelta

import pytest
from beanie import PydanticObjectId

from models.database import Database
from models.search import indexer as indexer_module
from models.search.analysis import VERSION
from models.search.indexer import Indexer
from models.search.manifest import Lease, read_manifest
from models.search.rebuild import rebuild, renewed
from models.search.removals import IndexWatcher
from models.search.segments import Segment
from models.tree import MAIN, Address, MessageTree
from tests.models.search.corpus import LIMITS, Corpus, everybody, keys, owner, texts
from tests.models.tree.faults import Crash, Mortal
from tests.models.tree.trees import planted, sprout

ALICE = PydanticObjectId()


@pytest.fixture
def corpus(database: Database) -> Corpus:
    return Corpus(database)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody needs is swept at once."""
    monkeypatch.setattr(indexer_module, "GRACE", timedelta(0))
    monkeypatch.setattr(indexer_module, "ABANDONED", timedelta(0))


async def test_a_message_is_found_after_a_crash_at_any_write(corpus: Corpus, hasty: None) -> None:
    chat = await corpus.chat(ALICE)
    for at in range(1, 29):
        await corpus.say(chat, f"zebra {at}")
        faulty = Mortal(corpus.database.db, at % 14 + 1)
        mortal = Indexer(faulty, fanout=2)  # type: ignore[arg-type]  # stands for a database
        try:
            await mortal.take()
            await mortal.merge()
            await mortal.sweep()
        except Crash:
            pass
        await corpus.indexed()
        found = keys(await corpus.found(owner(ALICE), "zebra"))
        assert found == corpus.naive(ALICE, lambda _: True, "zebra"), at
        assert len(found) == at
    await corpus.indexer.sweep()
    await corpus.indexer.sweep()
    assert await leftovers(corpus) == []


async def leftovers(corpus: Corpus) -> list[str]:
    """Pages of no segment that is searched."""
    parts = {part.id for part in (await read_manifest(corpus.database.db)).parts}
    pages = await corpus.database.db.search_pages.find({}, {"_id": 1}).to_list()
    return [page["_id"] for page in pages if page["_id"].partition(".")[0] not in parts]


async def test_what_is_purged_leaves_no_trace_in_the_index(corpus: Corpus, hasty: None) -> None:
    chat = await corpus.chat(ALICE, ["common words", "common secret zanzibar"])
    other = await corpus.chat(ALICE, ["common quagga"])
    kept = await corpus.chat(ALICE, ["common okapi"])
    await corpus.indexed()
    watcher = IndexWatcher(corpus.database.db)
    await watcher.purged(chat.id, [Address(MAIN, 1)])
    await watcher.conversation_purging(other.id)
    await watcher.purging(kept.id, MAIN, 5)
    assert await corpus.indexer.forget() == 3
    await corpus.indexer.sweep()
    pages = b"".join([bytes(page["data"]) for page in await corpus.database.db.search_pages.find({}).to_list()])
    held = [word for word in (b"common", b"zanzibar", b"quagga", b"okapi") if word in pages]
    assert held == [b"common", b"okapi"]
    marks = [Segment.of(record).marks for record in await corpus.database.db.search_segments.find({}).to_list()]
    assert not [mark for some in marks for mark in some if b"zanzibar" in mark.term or b"quagga" in mark.term]
    assert texts(await corpus.found(owner(ALICE), "okapi")) == ["common okapi"]
    assert await corpus.indexer.forget() == 0


async def test_a_planted_conversation_is_found_though_its_buckets_come_first(corpus: Corpus) -> None:
    tree = MessageTree(corpus.database.db, LIMITS)
    conversation = await planted(tree, [sprout(None, "zebra one"), sprout(0, "zebra two"), sprout(0, "zebra three")])
    await corpus.database.db.conversations.delete_one({"_id": conversation.id})
    await corpus.indexed()  # as if the import were at its buckets still
    assert await corpus.found(everybody(ALICE), "zebra") == []
    await conversation.insert()
    await corpus.indexer.recall()
    await corpus.indexed()
    assert sorted(texts(await corpus.found(everybody(ALICE), "zebra"))) == ["zebra one", "zebra three", "zebra two"]


async def test_a_rebuilt_index_is_the_same_and_misses_nothing_that_came_meanwhile(corpus: Corpus) -> None:
    chat = await corpus.chat(ALICE, [f"zebra {number}" for number in range(9)])
    await corpus.indexed()
    await corpus.database.db.search_pages.delete_many({})
    await corpus.database.db.search_segments.delete_many({})
    await corpus.database.db.search_manifest.delete_many({})

    async def meanwhile() -> None:
        for number in range(5):
            await corpus.say(chat, f"zebra late {number}")
            await corpus.indexer.take()

    count, _ = await asyncio.gather(rebuild(corpus.database.db), meanwhile())
    assert count >= 9
    await corpus.indexed()
    found = keys(await corpus.found(owner(ALICE), "zebra"))
    assert found == corpus.naive(ALICE, lambda _: True, "zebra")
    assert len(found) == 14


async def test_what_an_older_release_made_of_the_texts_is_built_anew_once(corpus: Corpus) -> None:
    db = corpus.database.db
    assert await renewed(db) == 0
    await corpus.chat(ALICE, [f"zebra {number}" for number in range(3)])
    await corpus.indexed()
    assert await renewed(db) == 0
    await db.search_manifest.update_one({"_id": "live"}, {"$set": {"analysis": VERSION - 1}})
    assert await renewed(db) == 3
    assert await renewed(db) == 0
    assert len(await corpus.found(owner(ALICE), "zebra")) == 3


async def test_two_that_index_at_once_find_each_message_once(corpus: Corpus) -> None:
    chat = await corpus.chat(ALICE, [f"zebra {number}" for number in range(6)])
    other = Indexer(corpus.database.db, fanout=2)
    await asyncio.gather(corpus.indexer.take(), other.take())
    await asyncio.gather(corpus.indexer.merge(), other.merge())
    await corpus.say(chat, "zebra last")
    await asyncio.gather(corpus.indexer.take(), other.take())
    assert keys(await corpus.found(owner(ALICE), "zebra", size=3)) == corpus.naive(ALICE, lambda _: True, "zebra")


async def test_one_worker_at_a_time_holds_the_lease(database: Database) -> None:
    first, second = Lease(database.db, "a"), Lease(database.db, "b")
    assert await first.take()
    assert not await second.take()
    assert await first.take()
    await first.give_up()
    assert await second.take()
    assert not await first.take()
