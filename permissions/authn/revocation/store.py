"""The rules in MongoDB, which are what counts: Redis only spreads them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from models.clock import now
from models.revocation_rule import RevocationRule
from permissions.authn.availability import answering
from permissions.authn.revocation.rules import Rule
from permissions.authn.revocation.wire import criteria_of, fields_of

_BATCH: Final = 1_000


async def insert(rule: Rule) -> None:
    """Write it down, for good."""
    document = RevocationRule(
        id=rule.id,
        criteria=fields_of(rule.criteria),
        reason=rule.reason,
        made_at=_moment(rule.made_at),
        expires_at=_moment(rule.expires_at),
        by=rule.by,
    )
    async with answering("MongoDB"):
        await document.insert()


async def living() -> Sequence[Rule]:
    """Those that have not ended."""
    return await _found({"expires_at": {"$gt": now()}})


async def made_since(moment: datetime) -> Sequence[Rule]:
    """Those that were made after `moment`."""
    return await _found({"made_at": {"$gt": moment}})


async def _found(wanted: dict[str, Any]) -> Sequence[Rule]:
    collection = RevocationRule.get_pymongo_collection()
    async with answering("MongoDB"):
        return [_rule(record) async for record in collection.find(wanted, batch_size=_BATCH)]


def _rule(record: dict[str, Any]) -> Rule:
    return Rule(
        id=record["_id"],
        criteria=criteria_of(record["criteria"]),
        reason=record["reason"],
        made_at=round(record["made_at"].timestamp() * 1000),
        expires_at=round(record["expires_at"].timestamp() * 1000),
        by=record.get("by"),
    )


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
