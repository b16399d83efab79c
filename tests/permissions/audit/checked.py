"""What a check of a test's log says, and what is in it."""

from models.audit import AuditRecord
from models.database import Database, Record
from permissions.audit.anchors import Anchor
from permissions.audit.blocks import Blocks
from permissions.audit.checking import Report, check
from tests.audited import SEALER


async def checked(database: Database, anchor: Anchor) -> Report:
    """As `parley audit verify` has it."""
    return await check(Blocks(database.db), SEALER, anchor)


async def found(database: Database, anchor: Anchor) -> list[str]:
    """Its findings."""
    return [str(each) for each in (await checked(database, anchor)).findings]


async def stored(database: Database) -> list[AuditRecord]:
    """Every record, in order."""
    blocks: list[Record] = sorted(await database.db.audit_blocks.find({}).to_list(), key=lambda each: int(each["_id"]))
    return [AuditRecord.model_validate(record) for block in blocks for record in block["records"]]
