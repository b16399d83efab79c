"""Copying every collection as it is now, each document once or so, in flat memory."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pymongo
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.read_concern import ReadConcern

from models.backup.catalog import Chunk
from models.backup.changes import kept
from models.backup.chunks import CHUNK_BYTES, write_chunk
from models.database import Record

RAW: Final[CodecOptions[RawBSONDocument]] = CodecOptions(document_class=RawBSONDocument)
CALL_SECONDS: Final = 600.0
"""Longest that the server may look for the next documents: the embedded one finds all of a collection first."""


@dataclass(slots=True)
class Copied:
    """How far a backup, or a restore, is."""

    documents: int = 0
    expected: int = 0
    plain: int = 0
    """Bytes of BSON."""


Progress = Callable[[Copied], None]


async def copy(db: AsyncDatabase[Record], path: Path, progress: Progress) -> AsyncIterator[Chunk]:
    """Write all collections that are kept, a chunk at a time."""
    names = sorted(filter(kept, await db.list_collection_names(filter={"type": "collection"})))
    done = Copied(expected=sum([await db[name].estimated_document_count() for name in names]))
    number = 0
    for name in names:
        async for documents in _batches(db, name):
            number += 1
            chunk = await asyncio.to_thread(write_chunk, path, number, name, documents)
            done.documents += chunk.documents
            done.plain += chunk.plain
            progress(done)
            yield chunk


def raw(db: AsyncDatabase[Record], name: str) -> AsyncCollection[RawBSONDocument]:
    """A collection whose documents come, and go, as the bytes that they are."""
    return AsyncCollection(db.with_options(codec_options=RAW), name)


async def _batches(db: AsyncDatabase[Record], name: str) -> AsyncIterator[list[bytes]]:
    """Only what a majority has, for the stream tells of nothing else: what is rolled back must not be in the copy."""
    async with raw(db, name).with_options(read_concern=ReadConcern("majority")).find({}) as cursor:
        while documents := await _some(cursor):
            yield documents


async def _some(cursor: AsyncCursor[RawBSONDocument]) -> list[bytes]:
    documents: list[bytes] = []
    size = 0
    with pymongo.timeout(CALL_SECONDS):
        async for document in cursor:
            documents.append(bytes(document.raw))
            size += len(documents[-1])
            if size >= CHUNK_BYTES:
                break
    return documents
