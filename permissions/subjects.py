"""Accounts with their roles and attributes, from MongoDB to the engine: as they are, and as they were."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from beanie import PydanticObjectId

from models.directory import list_users
from models.role import RoleAssignment
from models.user import User
from permissions import history
from permissions.engine.errors import WindowError
from permissions.engine.facts import Assignment, Subject
from permissions.engine.windows import Window

BATCH: Final = 500
"""Accounts read at once, with their assignments."""


async def load(user_id: PydanticObjectId) -> Subject | None:
    """An account as it is; None if there is none, or it is disabled."""
    user = await User.find_one({"_id": user_id})
    if user is None or user.disabled:
        return None
    held = await RoleAssignment.find({"user_id": user_id, "ended_at": None}).to_list()
    return subject_of(user, held)


async def load_all(user_ids: Iterable[PydanticObjectId]) -> Mapping[PydanticObjectId, Subject | None]:
    """Accounts as they are, at most a `BATCH`; None for one that is disabled. Those that aren't there are left out."""
    users = [user async for user in User.find({"_id": {"$in": list(user_ids)}})]
    held = await _held([user.id for user in users if not user.disabled])
    found: dict[PydanticObjectId, Subject | None] = {user.id: None for user in users}
    for user in users:
        if not user.disabled:
            found[user.id] = subject_of(user, (each for each in held[user.id] if each.ended_at is None))
    return found


async def load_at(user_id: PydanticObjectId, at: datetime) -> Subject | None:
    """An account as it was; None if there was none, or it was disabled."""
    user = await User.find_one({"_id": user_id})
    if user is None:
        return None
    was = _as_of(user, await history.user_before(user_id, at), at)
    return was and subject_of(was, _given(await RoleAssignment.find({"user_id": user_id}).to_list(), at))


async def all_of_them(
    at: datetime | None, revision: int, after: PydanticObjectId | None = None
) -> AsyncIterator[Subject]:
    """Every account as it is, or as it was `at`, when `revision` was; by address, those past `after`."""
    before = {} if at is None else await history.users_before(at, revision)
    async for users in _batches(after):
        found = {user.id: user for user in users}
        if at is not None:
            found = {user.id: was for user in users if (was := _as_of(user, before.get(str(user.id)), at))}
        held = await _held(list(found))
        for user in found.values():
            if not user.disabled:
                yield subject_of(user, held[user.id] if at is None else _given(held[user.id], at))


def subject_of(user: User, assignments: Iterable[RoleAssignment]) -> Subject:
    """What the engine decides on."""
    return Subject(user.id, tuple(filter(None, map(assignment_of, assignments))), user.attributes)


def assignment_of(stored: RoleAssignment) -> Assignment | None:
    """A stored assignment, as the engine takes it; None if its window can't be read, which never opens."""
    try:
        window = Window.parse(stored.window) if stored.window is not None else None
    except WindowError:
        return None
    return Assignment(stored.role, stored.valid_from, stored.valid_until, stored.ended_at, window)


def _as_of(user: User, before: Mapping[str, Any] | None, at: datetime) -> User | None:
    """The account at that moment, if it was there and could be used."""
    if user.created_at > at:
        return None
    was = user.model_copy(update=dict(before)) if before else user
    return None if was.disabled else was


def _given(assignments: Iterable[RoleAssignment], at: datetime) -> list[RoleAssignment]:
    """Those that had been given then: one that is dated back held from when it was given."""
    return [each for each in assignments if each.granted_at <= at]


async def _batches(after: PydanticObjectId | None) -> AsyncIterator[list[User]]:
    """Each a query of its own: whoever stops early leaves no cursor open. Nothing comes after who isn't there."""
    previous = None if after is None else await User.find_one({"_id": after})
    last = previous and previous.email_key
    while (after is None or previous) and (batch := await list_users(last, BATCH, ({},))):
        yield batch
        last = batch[-1].email_key


async def _held(user_ids: list[PydanticObjectId]) -> Mapping[PydanticObjectId, list[RoleAssignment]]:
    found: dict[PydanticObjectId, list[RoleAssignment]] = defaultdict(list)
    async for each in RoleAssignment.find({"user_id": {"$in": user_ids}}):
        found[each.user_id].append(each)
    return found
