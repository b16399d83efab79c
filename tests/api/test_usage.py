"""Tallies are kept while a server runs, by whichever worker; and made anew by a command."""

import asyncio
from pathlib import Path

from api.usage import roll_up, rolling_up
from models.bucket import MessageRole
from models.database import Database
from models.embedded import EmbeddedStores
from models.lease import lease
from models.tree import MAIN, Draft, MessageTree
from tests.api.commands import Parley
from tests.api.test_search import until
from tests.models.tree.conftest import SMALL, started


async def said(database: Database) -> None:
    tree = MessageTree(database.db, SMALL)
    await tree.append_at_end(await started(tree), MAIN, Draft(MessageRole.USER, "said"))


async def marked(database: Database) -> int:
    return len(await database.db.buckets.find({"uncounted": True}).to_list())


async def test_what_comes_is_rolled_up_by_one_of_the_workers(database: Database) -> None:
    async def done() -> bool:
        return await marked(database) == 0

    async with rolling_up(database.db, 0.05), rolling_up(database.db, 0.05):
        await said(database)
        await until(done)


async def test_who_has_not_got_the_lease_leaves_it(database: Database) -> None:
    await said(database)
    async with lease(database.db, "usage"):
        assert await roll_up(database.db) is None
    assert await roll_up(database.db) == 1


async def test_the_command_makes_all_tallies_anew(database: Database, stores: EmbeddedStores, tmp_path: Path) -> None:
    await said(database)
    names = {"MONGODB_URI": stores.mongodb_uri, "REDIS_URL": stores.redis_url, "DATABASE": database.db.name}
    outcome = await asyncio.to_thread(Parley(tmp_path, names), "usage", "rebuild")
    assert (outcome.status, outcome.out) == (0, "tallies made: 1\n")
    assert await marked(database) == 0
