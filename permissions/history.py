"""The log of changes, read: what is new, what was when. Every query lies on an index of the log."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from beanie import PydanticObjectId
from pymongo.asynchronous.collection import AsyncCollection

from models.permission_change import ChangeKind, PermissionChange
from permissions.state import RULES

CHUNK: Final = 64
"""Revisions asked for at once. They have no gaps, so the next ones are known by name, and no index is walked."""

MOST_BITS: Final = 48
"""Of a revision: a change each millisecond for nine thousand years."""


async def newest() -> PermissionChange | None:
    """The last change; None if there was none ever.

    Found by asking for ever nearer revisions by name: the embedded server would sort the whole log for the greatest.
    """
    low = await _greatest([2**power for power in range(MOST_BITS)])
    high = 2 * low
    while high - low > 1:
        step = -(-(high - low) // CHUNK)
        low = await _greatest(range(low, high, step))
        high = low + step
    return await PermissionChange.find_one({"_id": low}) if low else None


async def _greatest(revisions: Iterable[int]) -> int:
    """The greatest of them that there is; 0 if there is none."""
    log: AsyncCollection[dict[str, Any]] = PermissionChange.get_pymongo_collection()
    found = await log.find({"_id": {"$in": list(revisions)}}, {"_id": 1}).to_list()
    return max((each["_id"] for each in found), default=0)


async def since(revision: int) -> list[PermissionChange]:
    """The changes after `revision`, oldest first."""
    found: list[PermissionChange] = []
    while True:
        start = revision + 1 + len(found)
        wanted = list(range(start, start + CHUNK))
        some = await PermissionChange.find({"_id": {"$in": wanted}}).to_list()
        found += _dense(some, start)
        if len(some) < CHUNK:
            return found


async def rules_since(revision: int) -> list[PermissionChange]:
    """The changes of rules after `revision`, newest first."""
    found = [
        change
        for kind in RULES
        for change in await PermissionChange.find({"kind": kind, "_id": {"$gt": revision}}).to_list()
    ]
    return sorted(found, key=_revision, reverse=True)


async def revision_at(moment: datetime, newest: int) -> int:
    """The last revision of at most `moment`, among those up to `newest`; 0 before the first."""
    low, high = 0, newest
    while low < high:
        middle = (low + high + 1) // 2
        if await _made_at(middle) <= moment:
            low = middle
        else:
            high = middle - 1
    return low


async def user_before(user_id: PydanticObjectId, moment: datetime) -> dict[str, Any] | None:
    """What conditions saw of an account at `moment`; None if that has not changed since."""
    changes = await PermissionChange.find({"kind": ChangeKind.USER, "key": str(user_id)}).to_list()
    return _first_before(changes, moment).get(str(user_id))


async def users_before(moment: datetime, revision: int) -> dict[str, dict[str, Any]]:
    """The same, by id, of all accounts that have changed since `moment`, whose revision was `revision`."""
    changes = await PermissionChange.find({"kind": ChangeKind.USER, "_id": {"$gt": revision}}).to_list()
    return _first_before(changes, moment)


def _first_before(changes: Iterable[PermissionChange], moment: datetime) -> dict[str, dict[str, Any]]:
    later = sorted((each for each in changes if each.at > moment), key=_revision, reverse=True)
    return {each.key: each.before for each in later if each.before is not None}


def _dense(changes: Iterable[PermissionChange], start: int) -> list[PermissionChange]:
    """Up to the first gap: what lies behind it was read too early."""
    ordered = sorted(changes, key=_revision)
    return [each for number, each in enumerate(ordered, start) if each.id == number]


def _revision(change: PermissionChange) -> int:
    return change.id


async def _made_at(revision: int) -> datetime:
    log: AsyncCollection[dict[str, Any]] = PermissionChange.get_pymongo_collection()
    found = await log.find_one({"_id": revision}, {"at": 1})
    if found is None:
        raise LookupError(f"the history of permissions lacks revision {revision}")
    at: datetime = found["at"]
    return at
