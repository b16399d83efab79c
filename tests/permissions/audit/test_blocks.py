"""Several blocks that are stored with one call, beside other workers."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from models.clock import now
from models.database import Database, Record
from permissions.audit.anchors import MemoryAnchor
from permissions.audit.blocks import Blocks
from permissions.audit.chain import GENESIS, Head, Sealer
from permissions.audit.events import Target, change
from permissions.audit.log import AuditLog
from tests.audited import SEALER, new_log
from tests.database_calls import database_calls
from tests.permissions.audit.checked import found, stored
from tests.permissions.audit.test_log import ORIGIN, takings


async def test_denials_of_many_answers_are_stored_by_few_calls_in_one_chain_beside_other_workers(
    database: Database, anchor: MemoryAnchor
) -> None:
    """Three workers, each with blocks of its own between which the others put theirs."""

    async def keep(log: AuditLog, name: str) -> list[str]:
        kept = list[str]()
        for turn in range(3):
            answers = [(takings(("report:delete", f"{name}.{turn}.{n}")), ORIGIN) for n in range(450)]
            await log.keep_all(answers)
            kept += [each.decision.id for answer, _ in answers for each in answer.denied]
        return kept

    async with new_log(database, anchor) as a, new_log(database, anchor) as b, new_log(database, anchor) as c:
        with database_calls() as calls:
            kept = await asyncio.gather(keep(a, "a"), keep(b, "b"), keep(c, "c"))
    told = [decision for each in kept for decision in each]
    count = Counter(record.decision for record in await stored(database))
    assert count == Counter(told)
    assert len(told) == 4_050
    assert Counter(calls)["insert", "audit_blocks"] < 30
    assert await found(database, anchor) == []


async def test_blocks_go_on_after_what_another_worker_has_put_between_them(
    database: Database, anchor: MemoryAnchor
) -> None:
    blocks = Blocks(database.db)
    parts = [[change("test", ORIGIN, Target("thing", str(number)))] for number in range(3)]
    first, second = SEALER.chain(GENESIS, parts[:2], now())

    class Racing(Sealer):
        """Of the blocks that are about to be stored the first is there by then, and after it another worker's."""

        raced = False

        def chain(self, after: Head, parts: Iterable[Sequence[Record]], at: datetime) -> list[Record]:
            made = super().chain(after, parts, at)
            if not self.raced:
                self.raced, made[0] = True, first
                made[1] = super().block(Head.of(first), [change("test", ORIGIN, Target("thing", "lost"))], at)
            return made

    await database.db.audit_blocks.insert_many([first, second])
    end = await blocks.append(GENESIS, parts, Racing("a secret of the tests, and of nobody else"))
    assert [record.resource_id for record in await stored(database)] == ["0", "1", "1", "2"]
    await anchor.move(end)
    assert await found(database, anchor) == []
