"""Exports or imports in a process of its own, which tells its peak memory.

`python -m tests.models.transfer.parley.measured MONGODB DATABASE export|import|import-slowly FILE [CONVERSATION]`
prints seconds, seconds of CPU, messages, and by how many MiB it grew at most since it was connected. An export is of
all conversations, where none is named.
"""

import asyncio
import sys
import time
from pathlib import Path

from beanie import PydanticObjectId

from models.bucket import MessageRole, Metadata
from models.clock import now
from models.conversation import Conversation
from models.database import Database
from models.transfer.exporting import Trees, View, export
from models.transfer.exporting_file import ExportFile
from models.transfer.parley.importing import import_parley
from models.transfer.parley.writing import ParleyWriting
from models.tree import MAIN, Address, Draft, TreeLimits, sowing
from models.tree.fork_queue import Fork
from models.tree.sowing import Sowing
from models.tree.turns import Turns
from tests.models.transfer.measured import MIB, peak
from tests.models.transfer.parley.trees import nameless, person

TEXT = "The quick brown fox jumps over the lazy dog. " * 6


async def sown(database: Database, messages: int, every: int = 20) -> Conversation:
    """One conversation of so many messages, half of them on forks of one message each that leave every few."""
    owner, limits = person(), TreeLimits()
    begun = now()
    made = Conversation(owner_id=owner.id, started_at=begun, updated_at=begun, slot_width=limits.bucket_messages)
    planting = Sowing(database.db, made, limits, b"measured")
    assert await planting.begin(0)
    await planting.branch(Fork(MAIN, None, 0, 0, begun))
    forked = messages // (every + 1)
    for depth in range(messages - forked):
        role = MessageRole.ASSISTANT if depth % 2 else MessageRole.USER
        about = Metadata(llm_model="model", tokens_in=depth, tokens_out=7, latency_ms=900)
        draft = Draft(role, f"{depth} {TEXT}", None if depth % 2 else owner.id, begun, metadata=about)
        await planting.message(draft, int(depth % every == 0 and depth // every < forked))
    for number in range(forked):
        after = Address(MAIN, number * every)
        await planting.branch(Fork(f"{number + 1:016x}", after, after.depth + 1, 1, begun))
        await planting.message(Draft(MessageRole.USER, f"fork {number} {TEXT}", owner.id, begun), 0)
    assert await planting.finish(MAIN)
    return made


class _Named(Trees):
    """Exports that conversation, whosever it is."""

    async def listed(self, owner_id: PydanticObjectId | None) -> list[PydanticObjectId]:
        return [PydanticObjectId(name) for name in sys.argv[5:]] or await super().listed(owner_id)


async def _measure(uri: str, name: str, what: str, path: Path) -> None:
    async with await Database.connect(uri, name) as database:
        limits, before, started, cpu = TreeLimits(), peak(), time.perf_counter(), time.process_time()
        if what == "export":
            trees, writing = _Named(database.db, limits, Turns()), ParleyWriting()
            with ExportFile.open(path, None, "parley", writing) as out:
                await export(trees, None, writing, View(True, nameless), out.put, out.tally, out.known)
                out.finish()
            tally = out.tally
            messages = tally.messages
        else:
            if what == "import-slowly":  # many small calls, so that it can be killed in the middle
                vars(sowing)["BATCH_BYTES"] = 1
            report = await import_parley(database.db, path, person(2), limits)
            assert not report.refusals, report.refusals[0]
            messages = report.messages
        spent = f"{time.perf_counter() - started:.2f} {time.process_time() - cpu:.2f}"
        sys.stdout.write(f"{spent} {messages} {(peak() - before) // MIB}\n")


if __name__ == "__main__":
    asyncio.run(_measure(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4])))
