"""The pieces of files: `attachments.chunks`, of GridFS's shape, read and deleted by bounded windows.

GridFS's own reader asks for all chunks of a file in order, which the embedded server reads and sorts in memory before
it answers; and its writer notes a file only when all of it is there, so that nothing finds what a crash leaves.
"""

from collections.abc import AsyncIterator
from typing import Final

from beanie import PydanticObjectId
from bson import Binary
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record

CHUNK: Final = 255 * 1024
"""Bytes in each but the last: GridFS's default."""
TOGETHER: Final = 16
"""Chunks deleted by one call: the embedded server hangs on transactions of 16 MB."""


class MissingChunkError(Exception):
    """A file's piece is not there, or not as long as it should be."""


class Chunks:
    """Of all files."""

    def __init__(self, db: AsyncDatabase[Record]) -> None:
        self._collection = db["attachments.chunks"]

    async def write(self, file_id: PydanticObjectId, number: int, data: bytes) -> None:
        """Store a file's piece."""
        await self._collection.insert_one({"files_id": file_id, "n": number, "data": Binary(data)})

    async def read(self, file_id: PydanticObjectId, start: int, stop: int) -> AsyncIterator[bytes]:
        """The file's bytes `start <= place < stop`, a chunk at a time. Raises `MissingChunkError`."""
        for number in range(start // CHUNK, -(-stop // CHUNK)):
            found = await self._collection.find_one({"files_id": file_id, "n": number}, {"_id": 0, "data": 1})
            begin = number * CHUNK
            piece = bytes(found["data"]) if found else b""
            wanted = piece[max(start - begin, 0) : stop - begin]
            if len(wanted) != min(stop, begin + CHUNK) - max(start, begin):
                raise MissingChunkError
            yield wanted

    async def delete(self, file_id: PydanticObjectId, length: int) -> None:
        """Delete the pieces of a file that has no more than `length` bytes."""
        for first in range(0, -(-length // CHUNK) + 1, TOGETHER):
            window = {"$gte": first, "$lt": first + TOGETHER}
            await self._collection.delete_many({"files_id": file_id, "n": window})
