"""The audit log's parts, joined, and the task that cuts what is old."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from pymongo.errors import PyMongoError
from redis.asyncio import Redis

from api.settings import Settings
from models.database import Database
from permissions.audit.anchors import Anchor, RedisAnchor
from permissions.audit.blocks import Blocks
from permissions.audit.chain import Sealer
from permissions.audit.log import Allows, AuditLog, Keeping
from permissions.audit.retention import cut
from permissions.audit.writer import Writer
from permissions.authn.errors import KeyRingError

_log: Final = structlog.get_logger(__name__)

CUT_SECONDS: Final = 3_600.0
"""How often old blocks are looked for."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What the log is made of."""

    log: AuditLog
    blocks: Blocks
    sealer: Sealer
    anchor: Anchor


def join_audit(settings: Settings, database: Database, redis: Redis) -> Audit:
    """The log of `database`, not open yet. Raise `KeyRingError` without a secret."""
    if settings.secret_key is None:
        raise KeyRingError("set PARLEY_SECRET_KEY: it seals the audit log")
    sealer, blocks = Sealer(settings.secret_key.get_secret_value()), Blocks(database.db)
    anchor = RedisAnchor(redis, sealer, settings.database)
    writer = Writer(blocks, anchor, sealer, delay=settings.decision_log_seconds, queue=settings.decision_log_queue)
    keeping = Keeping(Allows(settings.decision_log), settings.decision_log_rate)
    return Audit(AuditLog(writer, blocks, keeping), blocks, sealer, anchor)


@asynccontextmanager
async def open_audit(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[AuditLog]:
    """The log, and what keeps it short."""
    audit = join_audit(settings, database, redis)
    async with audit.log:
        cutting = asyncio.create_task(_cut_for_ever(audit, settings.audit_days), name="audit retention")
        try:
            yield audit.log
        finally:
            cutting.cancel()
            await asyncio.gather(cutting, return_exceptions=True)


async def _cut_for_ever(audit: Audit, days: int) -> None:
    """Workers start together: each waits its own time, so that one of them does the work."""
    while days > 0:
        await asyncio.sleep(random.uniform(0.1, 1) * CUT_SECONDS)  # noqa: S311 - nobody gains by guessing it
        try:
            number = await cut(audit.blocks, audit.sealer, audit.log, timedelta(days=days))
        except PyMongoError as error:
            _log.warning("old audit records not cut", kind=type(error).__name__)
        else:
            _log.info("old audit records cut", blocks=number)
