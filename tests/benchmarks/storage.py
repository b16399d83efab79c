"""What conversations take in the database, over the JSON of their messages."""

from dataclasses import dataclass
from typing import Any, Final

import bson
import orjson
from bson import ObjectId

from models.database import Database

COLLECTIONS: Final = ("buckets", "branches", "conversations")
OURS: Final = {"depth", "forks", "nonce", "idempotency_key"}
"""Fields of a stored message that are the store's own business."""


@dataclass(frozen=True)
class Storage:
    """Bytes: of the messages' JSON (role, content, time, author, metadata), of all documents, of all index entries."""

    messages: int
    json: int
    documents: int
    indexes: int | None

    @property
    def cells(self) -> list[str]:
        """For a table: messages, JSON a message, documents a message, their ratio, index entries a message."""
        each = [f"{size / self.messages:,.0f}" for size in (self.json, self.documents)]
        indexes = "unknown" if self.indexes is None else f"{self.indexes / self.messages:,.0f}"
        return [f"{self.messages:,}", *each, f"{self.documents / self.json:.2f}x", indexes]


async def stored(database: Database) -> Storage:
    """Of everything that the database holds."""
    messages = json = documents = 0
    for name in COLLECTIONS:
        async for document in database.db[name].find({}):
            documents += len(bson.encode(document))
            for message in document.get("messages", ()):
                messages += 1
                json += len(orjson.dumps({k: v for k, v in message.items() if k not in OURS}, default=_plain))
    return Storage(messages, json, documents, await _indexes(database))


async def _indexes(database: Database) -> int | None:
    """None where the server doesn't tell."""
    stats = [await database.db.command("collStats", name) for name in COLLECTIONS]
    return sum(int(each["totalIndexSize"]) for each in stats) if all("totalIndexSize" in e for e in stats) else None


def _plain(value: Any) -> str:
    assert isinstance(value, ObjectId)
    return str(value)
