"""Files that belong to messages: GridFS's two collections, and what finds a file by its owner, age and message."""

from typing import Final

from pymongo import ASCENDING as UP
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record

INDEXES: Final[dict[str, list[IndexModel]]] = {
    "attachments.files": [
        # What waits of one user, and one file in a certain state: the embedded server wants all of it in one index.
        IndexModel([("owner_id", UP), ("state", UP), ("claim", UP), ("_id", UP)], name="owner"),
        IndexModel([("state", UP), ("since", UP)], name="age"),
        IndexModel([("conversation_id", UP), ("branch", UP), ("depth", UP)], name="place"),
    ],
    # Begins with the shard key, when MongoDB is sharded.
    "attachments.chunks": [IndexModel([("files_id", UP), ("n", UP)], name="files_id_1_n_1", unique=True)],
}


async def apply(db: AsyncDatabase[Record]) -> None:
    """Create them."""
    for collection, indexes in INDEXES.items():
        await db[collection].create_indexes(indexes)
