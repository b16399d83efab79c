"""The accounts in order, and found by how their address or name begins."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.database import Record
from models.user import User, email_key

Scopes = Sequence[Mapping[str, Any]]
"""Filters that together match what a caller may reach: `()` is nothing, `({},)` is everything."""

_LAST = "\U0010ffff"


async def list_users(after: str | None, limit: int, reach: Scopes) -> list[User]:
    """At most `limit` accounts in `reach`, by their address's key, those that come after the key `after`."""
    return await _found({"email_key": {"$gt": after or ""}}, [], limit, reach)


async def search_users(start: str, after: str | None, limit: int, reach: Scopes, addresses: Scopes) -> list[User]:
    """The same, of those whose name begins with `start`, or whose address does.

    `addresses` are those whose address the caller may read: an address that is hidden can't be guessed by searching.
    """
    key = email_key(start)
    begins = {"$gte": key, "$lt": key + _LAST}
    later = {"email_key": {"$gt": after or ""}}
    by_name = await _found({"name_key": begins}, [later], limit, reach)
    by_email = await _found({"email_key": begins}, [later, _any_of(addresses)], limit, reach if addresses else ())
    found = {user.email_key: user for user in (*by_name, *by_email)}
    return [found[key] for key in sorted(found)[:limit]]


async def _found(indexed: Record, rest: Sequence[Record], limit: int, reach: Scopes) -> list[User]:
    """`indexed` stands alone in its stage: an embedded server takes the index for nothing else."""
    if not reach or limit < 1:
        return []
    matches: list[Record] = [{"$match": each} for each in (indexed, *rest, _any_of(reach)) if each]
    pipeline: list[Record] = [*matches, {"$sort": {"email_key": 1}}, {"$limit": limit}]
    cursor = await User.get_pymongo_collection().aggregate(pipeline)
    return [User.model_validate(record) async for record in cursor]


def _any_of(scopes: Scopes) -> Record:
    return {} if any(not scope for scope in scopes) else {"$or": [dict(scope) for scope in scopes]}
