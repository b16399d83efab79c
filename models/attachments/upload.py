"""A file on its way in: written a chunk at a time, digested and looked at meanwhile."""

import hashlib

from beanie import PydanticObjectId

from models.attachment import Attachment
from models.attachments.chunks import CHUNK, Chunks
from models.attachments.errors import EmptyFileError, FileTooLargeError, UnsupportedTypeError
from models.attachments.media_types import Sniffer


class Upload:
    """Holds no more of it than a chunk and what was written last."""

    def __init__(self, chunks: Chunks, file_id: PydanticObjectId, limit: int) -> None:
        self.file_id = file_id
        self._chunks = chunks
        self._limit = limit
        self._waiting = bytearray()
        self._written = 0
        self._digest = hashlib.sha256()
        self._sniffer = Sniffer()

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._written * CHUNK + len(self._waiting)

    async def write(self, data: bytes) -> None:
        """The next bytes. Raises `FileTooLargeError`, and `UnsupportedTypeError` as soon as that is sure."""
        if self.size + len(data) > self._limit:
            raise FileTooLargeError(self._limit)
        self._digest.update(data)
        self._sniffer.feed(data)
        if self._sniffer.hopeless:
            raise UnsupportedTypeError
        self._waiting += data
        while len(self._waiting) >= CHUNK:
            await self._flush()

    async def end(self, name: str) -> Attachment:
        """What it was. Raises `EmptyFileError`, `UnsupportedTypeError`."""
        size = self.size
        if not size:
            raise EmptyFileError
        media_type = self._sniffer.media_type()
        if media_type is None:
            raise UnsupportedTypeError
        if self._waiting:
            await self._flush()
        digest = self._digest.digest()
        return Attachment(id=self.file_id, name=name, media_type=media_type, size=size, sha256=digest)

    async def _flush(self) -> None:
        await self._chunks.write(self.file_id, self._written, bytes(self._waiting[:CHUNK]))
        del self._waiting[:CHUNK]
        self._written += 1
