"""What is known of each file: `attachments.files`, of GridFS's shape with fields of ours, and a file's life.

    uploading → waiting → claimed → attached
        └──────────┴─────────┴──→ doomed → gone

The message is what counts: a file is claimed for it before it is stored, and noted as attached, with the message's
address, afterwards. A crash in between leaves a claim, which a retry with the same key completes, or else
`collecting`, which looks whether the message is there.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.attachment import Attachment
from models.attachments.chunks import CHUNK, Chunks
from models.attachments.errors import QuotaError, UnattachableError, UploadLostError
from models.clock import now
from models.database import Record
from models.tree import Address

FREE: Final = ""
"""The claim on a file that nobody has claimed."""


class FileState(StrEnum):
    """Where in its life a file is."""

    UPLOADING = "uploading"
    WAITING = "waiting"
    CLAIMED = "claimed"
    ATTACHED = "attached"
    DOOMED = "doomed"


LOOSE: Final = [FileState.UPLOADING, FileState.WAITING, FileState.CLAIMED]
"""The states in which a file counts against its owner's quota."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Files that are to go with one message: of whom, into which conversation, by which token."""

    owner_id: PydanticObjectId
    conversation_id: PydanticObjectId
    token: str
    ids: Sequence[PydanticObjectId]


class Files:
    """Of everybody."""

    def __init__(self, db: AsyncDatabase[Record]) -> None:
        self._collection = db["attachments.files"]
        self._chunks = Chunks(db)

    async def reserve(self, owner_id: PydanticObjectId, length: int, quota: int) -> PydanticObjectId:
        """Note that a file of at most `length` bytes comes. Raises `QuotaError`: noted first, so that none slips by."""
        id_ = PydanticObjectId()
        fields: Record = {
            "_id": id_,
            "owner_id": owner_id,
            "state": FileState.UPLOADING,
            "claim": FREE,
            "since": now(),
            "length": max(length, CHUNK),
            "chunkSize": CHUNK,
        }
        await self._collection.insert_one(fields)
        if await self._loose(owner_id) > quota:
            await self._collection.delete_one({"_id": id_})
            raise QuotaError(quota)
        return id_

    async def finish(self, owner_id: PydanticObjectId, file: Attachment) -> None:
        """All of it is stored. Raises `UploadLostError`."""
        fields = {
            "state": FileState.WAITING,
            "since": now(),
            "uploadDate": now(),
            "length": file.size,
            "filename": file.name,
            "media_type": file.media_type,
            "sha256": file.sha256,
        }
        updated = await self._collection.update_one(
            {"owner_id": owner_id, "state": FileState.UPLOADING, "claim": FREE, "_id": file.id}, {"$set": fields}
        )
        if not updated.matched_count:
            raise UploadLostError

    async def find(self, id_: PydanticObjectId) -> Record | None:
        """A file's document."""
        return await self._collection.find_one({"_id": id_})

    async def claim(self, claim: Claim) -> list[Attachment]:
        """Claim them, all or none, and again if it was done before. Raises `UnattachableError`."""
        update = {"state": FileState.CLAIMED, "claim": claim.token, "conversation_id": claim.conversation_id}
        await self._change(claim, FileState.WAITING, FREE, {"$set": {**update, "since": now()}})
        found = {each["_id"]: each async for each in self._collection.find({"_id": {"$in": list(claim.ids)}})}
        if any(id_ not in found or not _claimed(found[id_], claim) for id_ in claim.ids):
            await self.release(claim)
            raise UnattachableError
        return [_attachment(found[id_]) for id_ in claim.ids]

    async def attach(self, claim: Claim, address: Address) -> None:
        """They are in the message there."""
        place = {"state": FileState.ATTACHED, "branch": address.branch, "depth": address.depth, "since": now()}
        await self._change(claim, FileState.CLAIMED, claim.token, {"$set": place})

    async def release(self, claim: Claim) -> None:
        """They are in no message after all."""
        free = {"$set": {"state": FileState.WAITING, "claim": FREE, "since": now()}, "$unset": {"conversation_id": ""}}
        await self._change(claim, FileState.CLAIMED, claim.token, free)

    async def old(self, state: FileState, before: datetime) -> AsyncIterator[Record]:
        """Those that have been in `state` since before that time."""
        query = {"state": state, "since": {"$lt": before}}
        async for record in self._collection.find(query, batch_size=100):
            yield record

    async def loose(self, owner_id: PydanticObjectId) -> list[Record]:
        """Those of a user that are in no message."""
        return await self._collection.find({"owner_id": owner_id, "state": {"$in": LOOSE}}).to_list()

    async def doom(self, record: Record) -> bool:
        """Give it up, unless somebody has claimed it, or finished it, meanwhile."""
        key = {name: record[name] for name in ("owner_id", "state", "claim", "_id")}
        updated = await self._collection.update_one(key, {"$set": {"state": FileState.DOOMED, "since": now()}})
        return updated.matched_count > 0

    async def placed(self, conversation_id: PydanticObjectId, **place: Any) -> list[Record]:
        """Those of a conversation, or of its messages at `branch` and `depth`."""
        return await self._collection.find({"conversation_id": conversation_id, **place}).to_list()

    async def remove(self, record: Record) -> None:
        """Delete it, its pieces first: by its document the next try finds what is left of them."""
        await self._chunks.delete(record["_id"], record["length"])
        await self._collection.delete_one({"_id": record["_id"]})

    async def _change(self, claim: Claim, state: FileState, token: str, update: Record) -> None:
        key = {"owner_id": claim.owner_id, "state": state, "claim": token}
        for id_ in claim.ids:
            await self._collection.update_one({**key, "_id": id_}, update)

    async def _loose(self, owner_id: PydanticObjectId) -> int:
        """Bytes of theirs that are in no message; each file counts as a chunk at least."""
        charge = {"$sum": {"$max": ["$length", CHUNK]}}
        stages: list[Record] = [
            {"$match": {"owner_id": owner_id, "state": {"$in": LOOSE}}},
            {"$group": {"_id": None, "bytes": charge}},
        ]
        found = await (await self._collection.aggregate(stages)).to_list()
        return int(found[0]["bytes"]) if found else 0


def _claimed(record: Record, claim: Claim) -> bool:
    held = record["state"] in {FileState.CLAIMED, FileState.ATTACHED}
    return held and (record["owner_id"], record["claim"]) == (claim.owner_id, claim.token)


def _attachment(record: Record) -> Attachment:
    return Attachment(
        id=record["_id"],
        name=record["filename"],
        media_type=record["media_type"],
        size=record["length"],
        sha256=record["sha256"],
    )
