"""A backup of 100,000 messages and 100 MB of files, and the way back: `make bench ARGS="-k backup"`."""

import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from beanie import PydanticObjectId

from models.attachments.chunks import CHUNK, Chunks
from models.backup.backup import Report, back_up
from models.backup.catalog import chosen
from models.backup.restoring import Restoration
from models.backup.verification import verify
from models.bucket import MessageRole
from models.conversation import Conversation
from models.database import Database
from models.embedded import EmbeddedStores
from models.migrations import migrate
from models.tree import Draft, MessageTree, Sprout, TreeLimits
from tests.benchmarks.long_conversation import BEGAN
from tests.benchmarks.report import Table, publish
from tests.benchmarks.test_cache import cpu
from tests.models.tree.trees import planted

pytestmark = pytest.mark.benchmark

CONVERSATIONS: Final = 100
LENGTH: Final = 1_000
PIECES: Final = 400
"""Of files, 255 KiB each."""
APPENDS: Final = 1_000
WORDS: Final = 80
HEAD: Final = ("", "MB", "on disk, MB", "s", "CPU: parley, s", "MongoDB, s", "MB a second")


@asynccontextmanager
async def filled(stores: EmbeddedStores) -> AsyncIterator[tuple[Database, MessageTree, Conversation]]:
    """A database with everything in it, and the last of its conversations."""
    random = Random(1)
    words = ["".join(random.choices("abcdefghijklmnoprstuvw", k=random.randint(2, 9))) for _ in range(20_000)]
    async with await Database.connect(stores.mongodb_uri, "measured") as database:
        await migrate(database.db)
        tree = MessageTree(database.db, TreeLimits())
        for _ in range(CONVERSATIONS):
            texts = (" ".join(random.choices(words, k=WORDS)) for _ in range(LENGTH))
            sprouts = [Sprout(n - 1 if n else None, MessageRole.USER, text, BEGAN) for n, text in enumerate(texts)]
            conversation = await planted(tree, sprouts)
        file = PydanticObjectId()
        for number in range(PIECES):
            await Chunks(database.db).write(file, number, random.randbytes(CHUNK))
        yield database, tree, conversation


async def test_a_backup_and_the_way_back(tmp_path: Path) -> None:
    directory = tmp_path / "backup"
    with EmbeddedStores(tmp_path / "stores") as stores:
        server = stores.pids()["MongoDB"]
        rows: list[list[str]] = []

        async def timed(
            name: str, work: Callable[[], Awaitable[Any]], sizes: Callable[[Any], tuple[float, float]]
        ) -> None:
            began, own, its = time.perf_counter(), time.process_time(), cpu(server)
            outcome = await work()
            seconds, own, its = time.perf_counter() - began, time.process_time() - own, cpu(server) - its
            plain, packed = sizes(outcome)
            figures = (plain, packed, seconds, own, its, plain / seconds)
            rows.append([name, *(f"{figure:,.2f}" for figure in figures)])

        async with filled(stores) as (database, tree, conversation):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            await timed("the first one", lambda: back_up(database.db, directory), based)
            for number in range(APPENDS):
                draft = Draft(MessageRole.USER, f"message {number} " * 40, conversation.owner_id)
                await tree.append_at_end(conversation, "main", draft)
            await timed(f"{APPENDS:,} appends later", lambda: back_up(database.db, directory), added)
            await timed("nothing has changed", lambda: back_up(database.db, directory), lambda _: (0, 0))
            whole = rows[0][1:3]

            async def checked() -> None:
                assert verify(directory)[0].flaw is None

            async def restored() -> None:
                generation = chosen(directory, None)
                with Restoration(generation, generation.journal.reached) as restoration:
                    await restoration.into(database.client["restored"], lambda _: None)

            size = tuple(map(float, whole))
            await timed("`--verify`", checked, lambda _: (size[0], size[1]))
            await timed("`parley restore`", restored, lambda _: (size[0], size[1]))
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        title = f"{CONVERSATIONS * LENGTH:,} messages, {PIECES * CHUNK / 1e6:,.0f} MB of files"
        publish("backup", [Table(title, HEAD, rows)], [f"The process grew by {grown:,.0f} MB at most."])


def based(report: Report) -> tuple[float, float]:
    chunks = report.generation.base.chunks
    return sum(each.plain for each in chunks) / 1e6, sum(each.size for each in chunks) / 1e6


def added(report: Report) -> tuple[float, float]:
    size = sum(each.size for each in report.generation.journal.files) / 1e6
    return size, size
