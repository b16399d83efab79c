"""Applies the migrations that a database has not had yet."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import pymongo
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from models.clock import now
from models.database import Record
from models.migrations import (
    m0001_first_indexes,
    m0002_permission_history,
    m0003_audit,
    m0004_conditions_as_text,
    m0005_signing_keys,
    m0006_revocation_rules,
    m0007_search,
    m0008_deletions,
    m0009_attachments,
    m0010_shares,
    m0011_list_terms,
    m0012_usage,
    m0014_orphans,
    m0015_growing,
    m0016_usage_by_owner,
    m0018_answers,
    m0019_usage_by_time,
)

RESTORING: Final = {"_id": "restoring"}
"""In `backups`, as long as not all of a backup has been put back (`models.backup`)."""


class UnfinishedRestoreError(Exception):
    """The database holds a part of a backup: nobody may work on it."""

    def __init__(self, database: str) -> None:
        super().__init__(f"a restore into the database `{database}` is under way, or was cut short: drop it then")


LONGEST_SECONDS: Final = 24 * 3600
"""Of one migration, instead of a call's ten seconds: an index over what is stored takes as long as there is much."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A named step. `apply` may run again after a crash, and beside another worker: it must be idempotent."""

    name: str
    apply: Callable[[AsyncDatabase[Record]], Awaitable[None]]


MIGRATIONS: Sequence[Migration] = (
    Migration("0001_first_indexes", m0001_first_indexes.apply),
    Migration("0002_permission_history", m0002_permission_history.apply),
    Migration("0003_audit", m0003_audit.apply),
    Migration("0004_conditions_as_text", m0004_conditions_as_text.apply),
    Migration("0005_signing_keys", m0005_signing_keys.apply),
    Migration("0006_revocation_rules", m0006_revocation_rules.apply),
    Migration("0007_search", m0007_search.apply),
    Migration("0008_deletions", m0008_deletions.apply),
    Migration("0009_attachments", m0009_attachments.apply),
    Migration("0010_shares", m0010_shares.apply),
    Migration("0011_list_terms", m0011_list_terms.apply),
    Migration("0012_usage", m0012_usage.apply),
    Migration("0014_orphans", m0014_orphans.apply),
    Migration("0015_growing", m0015_growing.apply),
    Migration("0016_usage_by_owner", m0016_usage_by_owner.apply),
    Migration("0018_answers", m0018_answers.apply),
    Migration("0019_usage_by_time", m0019_usage_by_time.apply),
)


async def applied(db: AsyncDatabase[Record]) -> set[str]:
    """Names of the migrations that `db` has had."""
    return {record["_id"] async for record in db.migrations.find({})}


async def migrate(db: AsyncDatabase[Record]) -> list[str]:
    """Apply what is missing, in order, and return its names. Raise `UnfinishedRestoreError`."""
    if await db.backups.find_one(RESTORING):
        raise UnfinishedRestoreError(db.name)
    had = await applied(db)
    missing = [migration for migration in MIGRATIONS if migration.name not in had]
    for migration in missing:
        with pymongo.timeout(LONGEST_SECONDS):
            await migration.apply(db)
        try:
            await db.migrations.insert_one({"_id": migration.name, "applied_at": now()})
        except DuplicateKeyError:
            continue  # another worker finished the same step
    return [migration.name for migration in missing]
