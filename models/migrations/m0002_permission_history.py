"""The history of permissions, and who holds a role."""

from typing import Final

from pymongo import ASCENDING as UP
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record

INDEXES: Final[dict[str, list[IndexModel]]] = {
    "permission_changes": [
        IndexModel([("kind", UP), ("_id", UP)], name="kind"),  # rules as they were: undo what came later
        IndexModel([("kind", UP), ("key", UP)], name="key"),
    ],
    "role_assignments": [IndexModel([("role", UP), ("ended_at", UP)], name="role")],
}


async def apply(db: AsyncDatabase[Record]) -> None:
    """Create them; the server skips those that exist."""
    for collection, indexes in INDEXES.items():
        await db[collection].create_indexes(indexes)
