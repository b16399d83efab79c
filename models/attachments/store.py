"""Attachments: taking files in, giving them to messages, reading them."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from models.attachment import Attachment
from models.attachments.chunks import Chunks
from models.attachments.errors import UnsupportedTypeError
from models.attachments.files import Claim, Files, FileState
from models.attachments.media_types import ALL_TYPES, accepted
from models.attachments.upload import Upload
from models.database import Record
from models.tree import Address, Draft


@dataclass(frozen=True, slots=True)
class AttachmentLimits:
    """Bytes of a file, bytes of one user that wait for messages, files to a message, types; see `api.settings`."""

    file_bytes: int = 50 * 1024 * 1024
    quota_bytes: int = 200 * 1024 * 1024
    per_message: int = 10
    types: Collection[str] = ALL_TYPES


@dataclass(frozen=True, slots=True)
class Place:
    """The message that a file belongs to."""

    conversation_id: PydanticObjectId
    address: Address


class Attachments:
    """One a worker."""

    def __init__(self, db: AsyncDatabase[Record], limits: AttachmentLimits) -> None:
        self.limits: Final = limits
        self._files = Files(db)
        self._chunks = Chunks(db)

    @asynccontextmanager
    async def upload(self, owner_id: PydanticObjectId, announced: int | None) -> AsyncIterator[Upload]:
        """Room for a file of `announced` bytes at most. What isn't finished in the block is thrown away.

        Raises `QuotaError`.
        """
        room = self.limits.file_bytes if announced is None else min(announced, self.limits.file_bytes)
        id_ = await self._files.reserve(owner_id, room, self.limits.quota_bytes)
        try:
            yield Upload(self._chunks, id_, room)
        except BaseException:
            with contextlib.suppress(PyMongoError, asyncio.TimeoutError):  # else it is collected
                await asyncio.shield(self._discard(id_, room))
            raise

    async def finish(self, owner_id: PydanticObjectId, upload: Upload, name: str) -> Attachment:
        """The file, which waits for a message now. Raises `AttachmentError`."""
        file = await upload.end(name)
        if not accepted(file.media_type, self.limits.types):
            raise UnsupportedTypeError
        await self._files.finish(owner_id, file)
        return file

    async def claim(self, claim: Claim) -> list[Attachment]:
        """The files, kept for one message. Raises `UnattachableError`."""
        return await self._files.claim(claim)

    async def attach(self, claim: Claim, address: Address) -> None:
        """The message with them is stored."""
        await self._files.attach(claim, address)

    async def release(self, claim: Claim) -> None:
        """It is not, and will not be."""
        await self._files.release(claim)

    async def place(self, id_: PydanticObjectId) -> Place | None:
        """Where a file belongs; None while it is in no message."""
        found = await self._files.find(id_)
        if found is None or found["state"] != FileState.ATTACHED:
            return None
        return Place(found["conversation_id"], Address(found["branch"], found["depth"]))

    def read(self, id_: PydanticObjectId, start: int, stop: int) -> AsyncIterator[bytes]:
        """Its bytes `start <= place < stop`. Raises `MissingChunkError`."""
        return self._chunks.read(id_, start, stop)

    async def _discard(self, id_: PydanticObjectId, room: int) -> None:
        found = await self._files.find(id_)
        if found is None:  # somebody gave it up: what was written since then is left of it
            await self._chunks.delete(id_, room)
        elif found["state"] == FileState.DOOMED or await self._files.doom(found):
            await self._files.remove(found)


def claim_for(
    conversation_id: PydanticObjectId,
    owner_id: PydanticObjectId,
    parent: Address | None,
    draft: Draft,
    ids: Sequence[PydanticObjectId],
) -> Claim:
    """The claim of a draft on files. A retry, which has its key, place, words and files, has the same one."""
    if draft.idempotency_key is None:
        return Claim(owner_id, conversation_id, secrets.token_hex(16), ids)
    hashed = sha256()
    for part in _parts(conversation_id, parent, draft, ids):
        hashed.update(len(part).to_bytes(8, "big") + part)
    return Claim(owner_id, conversation_id, hashed.hexdigest()[:32], ids)


def _parts(
    conversation_id: PydanticObjectId, parent: Address | None, draft: Draft, ids: Sequence[PydanticObjectId]
) -> Iterator[bytes]:
    key, source = draft.idempotency_key or "", draft.edited_from or ""
    for text in (str(conversation_id), str(parent), key, source, draft.content):
        yield text.encode(errors="surrogatepass")
    yield b"".join(id_.binary for id_ in ids)
