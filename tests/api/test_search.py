"""The index is kept while the server runs: what is said is found soon, whichever worker keeps it."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from beanie import PydanticObjectId

from api.search import keeping_index
from models.database import Database
from tests.models.search.corpus import Corpus, owner, texts

ALICE = PydanticObjectId()
PATIENCE_SECONDS = 30.0


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Return when it is; fail if it takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not await true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_what_is_said_is_found_soon_and_after_the_keeper_has_gone(database: Database) -> None:
    corpus = Corpus(database)
    chat = await corpus.chat(ALICE)

    async def found() -> bool:
        return len(texts(await corpus.found(owner(ALICE), "zebra"))) == len(corpus.messages)

    async with keeping_index(database, 0.05):
        await corpus.say(chat, "zebra one")
        await until(found)
    await corpus.say(chat, "zebra two")
    async with keeping_index(database, 0.05), keeping_index(database, 0.05):
        await corpus.say(chat, "zebra three")
        await until(found)


async def test_a_worker_that_is_told_not_to_keep_the_index_does_not(database: Database) -> None:
    corpus = Corpus(database)
    async with keeping_index(database, 0):
        await corpus.chat(ALICE, ["zebra"])
    assert await corpus.found(owner(ALICE), "zebra") == []
