"""What was stored before there were terms gets them, while others write; what has wrong ones is put right."""

import asyncio
import random

from beanie import PydanticObjectId

from models.conversation import Conversation
from models.conversation_list import ConversationFilter, ConversationOrder
from models.database import Database
from models.list_terms import stored_terms
from models.listing import filling
from models.listing.filling import fill, refill
from models.migrations.m0011_list_terms import apply
from tests.models.listing.plain import conversation, listed, paged, reaches, stored

NO_TERMS = {"$unset": {"terms": "", "title_terms": ""}}


async def wrong(database: Database) -> list[PydanticObjectId]:
    """Conversations whose terms aren't theirs."""
    found = await database.db.conversations.find({}).to_list()
    return [
        record["_id"]
        for record in found
        if any(
            sorted(record.get(name) or [None]) != sorted(terms) and (terms or record.get(name))
            for name, terms in stored_terms(record["_id"], record).items()
        )
    ]


async def test_all_that_has_none_gets_them_and_nothing_else_changes(database: Database) -> None:
    stock = await stored(database, random.Random(1), 230)
    await database.db.conversations.update_many({}, NO_TERMS)
    await stock[0].change({"tags": ["new"]})  # by a worker that knows terms, before they are there
    before = await database.db.conversations.find({}).sort("_id").to_list()
    await apply(database.db)
    after = await database.db.conversations.find({}, {"terms": 0, "title_terms": 0}).sort("_id").to_list()
    assert after == before
    assert await wrong(database) == []
    assert await fill(database.db) == 0
    everything = reaches([])["everything"]
    order = ConversationOrder.STARTED_DESC
    found = await paged(database, [everything], ConversationFilter(), order, 50)
    assert found == listed(stock, [everything], ConversationFilter(), order)


async def test_filling_goes_on_where_a_crash_ended_it(database: Database) -> None:
    await stored(database, random.Random(1), 230)
    await database.db.conversations.update_many({}, NO_TERMS)
    filler = asyncio.create_task(fill(database.db))
    while not await database.db.conversations.find_one({"terms": "0e", "deleted": False}):
        assert not filler.done()
    filler.cancel()
    await asyncio.wait({filler})
    await fill(database.db)
    assert await wrong(database) == []


async def test_filling_beside_writers_takes_nothing_back(database: Database) -> None:
    """Of workers that know terms, and of some that don't: those leave wrong ones, which are put right afterwards."""
    chance = random.Random(1)
    stock = await stored(database, chance, 200)
    await database.db.conversations.update_many({}, NO_TERMS)
    meant = {each.id: each for each in stock}

    async def write() -> None:
        for each in chance.sample(stock, 60):
            meant[each.id] = await each.change({"tags": [f"t{chance.randrange(9)}"]})

    await asyncio.gather(fill(database.db), fill(database.db), write())
    assert await wrong(database) == []
    assert {each.id: each.tags for each in await Conversation.find_all().to_list()} == {
        id_: each.tags for id_, each in meant.items()
    }


async def test_what_a_worker_without_terms_changed_is_put_right(database: Database) -> None:
    await stored(database, random.Random(1), 2 * filling.BATCH + 10)
    await database.db.conversations.update_many({"deleted": False}, {"$set": {"tags": ["other"], "title_key": "other"}})
    late = conversation(random.Random(2))
    await late.insert()
    await database.db.conversations.update_one({"_id": late.id}, NO_TERMS)
    wrong_ones = await wrong(database)
    assert late.id in wrong_ones
    assert await refill(database.db) == len(wrong_ones)
    assert await wrong(database) == []
    assert await refill(database.db) == 0
