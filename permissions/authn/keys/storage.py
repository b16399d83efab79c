"""Writing to the ring: each step is one write that happens or doesn't, and may be done again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo.errors import DuplicateKeyError

from models.signing_key import SigningKey
from permissions.authn.availability import answering


async def insert(key: SigningKey) -> bool:
    """Put it in; False where there is one of its number already."""
    async with answering("MongoDB"):
        try:
            await key.insert()
        except DuplicateKeyError:
            return False
    return True


async def lengthen(kid: str, token_seconds: int) -> None:
    """There are workers whose tokens live so long."""
    await _update(kid, {"$max": {"token_seconds": token_seconds}})


async def revoke(kid: str, moment: datetime) -> None:
    """Keep that it was there, and nothing of the key; the first such moment counts."""
    first = {"$ifNull": ["$revoked_at", moment]}
    await _update(kid, [{"$set": {"revoked_at": first, "public_key": b"", "encrypted_private_key": b""}}])


async def wipe(kid: str) -> None:
    """Forget the private half."""
    await _update(kid, {"$set": {"encrypted_private_key": b""}})


async def replace_sealed(kid: str, before: bytes, after: bytes) -> bool:
    """Store another sealing of the same private key; False where it isn't stored as `before` any more."""
    chosen = {"$cond": [{"$eq": ["$encrypted_private_key", before]}, after, "$encrypted_private_key"]}
    return await _update(kid, [{"$set": {"encrypted_private_key": chosen}}])


async def drop(kid: str) -> None:
    """Take it out."""
    async with answering("MongoDB"):
        await SigningKey.get_pymongo_collection().delete_one({"_id": kid})


async def _update(kid: str, change: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> bool:
    async with answering("MongoDB"):
        result = await SigningKey.get_pymongo_collection().update_one({"_id": kid}, change)
    return result.modified_count == 1
