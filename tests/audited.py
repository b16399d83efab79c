"""Fixtures: an audit log of a test's own."""

from collections.abc import AsyncIterator
from typing import Final

import pytest

from models.database import Database
from permissions.audit.anchors import MemoryAnchor
from permissions.audit.blocks import Blocks
from permissions.audit.chain import Sealer
from permissions.audit.log import Allows, AuditLog, Keeping
from permissions.audit.writer import Writer

SEALER: Final = Sealer("a secret of the tests, and of nobody else")


def new_log(database: Database, anchor: MemoryAnchor, *, delay: float = 0.05, queue: int = 1_000) -> AuditLog:
    """What a further worker would have; `async with` it."""
    blocks = Blocks(database.db)
    return AuditLog(Writer(blocks, anchor, SEALER, delay=delay, queue=queue), blocks, Keeping(Allows.ALL))


@pytest.fixture
def anchor() -> MemoryAnchor:
    """Where the head is kept."""
    return MemoryAnchor()


@pytest.fixture
async def audit(database: Database, anchor: MemoryAnchor) -> AsyncIterator[AuditLog]:
    """A log that keeps everything."""
    async with new_log(database, anchor) as log:
        yield log
