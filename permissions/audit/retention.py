"""Old blocks are cut, and a sealed checkpoint says up to where: the chain is verified from it on."""

from datetime import datetime, timedelta
from typing import Any, Final

from models.clock import now
from models.database import Record
from permissions.audit.blocks import Blocks
from permissions.audit.chain import GENESIS, Head, Sealer
from permissions.audit.events import SYSTEM, Target
from permissions.audit.log import AuditLog

CUT: Final = "audit.cut"
"""The kind of a record that tells of a cut."""


def checkpoint(sealer: Sealer, last: Head, cut_at: datetime) -> Record:
    """Says that everything up to `last` was cut."""
    return {"_id": last.number, "digest": last.digest, "at": last.at, "cut_at": cut_at, "seal": sealer.head(last)}


def genuine(sealer: Sealer, stored: Record) -> bool:
    """Whether a checkpoint was made by us, and not by whoever cut something."""
    try:
        return bool(stored["seal"] == sealer.head(Head.of(stored)))
    except (KeyError, TypeError, AttributeError):
        return False


async def trusted_start(blocks: Blocks, sealer: Sealer) -> Head:
    """What comes before the oldest block that must be there: as the newest genuine checkpoint has it."""
    heads = [Head.of(each) for each in await blocks.checkpoints() if genuine(sealer, each)]
    return max(heads, default=GENESIS)


async def cut(blocks: Blocks, sealer: Sealer, log: AuditLog, age: timedelta) -> int:
    """Cut the blocks of which every record is older than `age`; return how many. It tells the log first.

    Whoever dies on the way leaves blocks before the checkpoint: the next cut takes them.
    """
    start = await trusted_start(blocks, sealer)
    moment = now()
    last = await blocks.older_than(moment - age)
    if last is None:
        return 0
    if last.number > start.number:
        told: dict[str, Any] = {"blocks": [start.number + 1, last.number], "digest": last.digest.hex()}
        await log.write(CUT, SYSTEM, Target("audit"), before=told, reason=f"older than {age.days} days")
        await blocks.keep_checkpoint(checkpoint(sealer, last, moment))
    return await blocks.delete_to(last)
