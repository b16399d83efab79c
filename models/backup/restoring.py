"""Putting a backup into an empty database, as it was at a moment, and reading back what is there then."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final, Self

import bson
import pymongo
from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.database import AsyncDatabase

from models.backup.catalog import Generation
from models.backup.changes import EXACT, MARKS
from models.backup.chunks import read_chunk
from models.backup.copying import CALL_SECONDS, Copied, Progress, raw
from models.backup.errors import DifferentError, NotEmptyError
from models.backup.folding import Folding
from models.backup.journal import changes, milliseconds
from models.backup.keeping import changes_all, restored
from models.backup.verification import require_sound
from models.clock import now
from models.database import Record
from models.migrations.runner import RESTORING

BATCH_BYTES: Final = 2 * 1024 * 1024
"""Stored by one call: the embedded server hangs on transactions of 16 MB."""
BATCH: Final = 500
_MODULUS: Final = 2**256


@dataclass(slots=True)
class Sum:
    """Of a collection's documents, in whatever order."""

    documents: int = 0
    digest: int = 0

    def add(self, raw: bytes) -> None:
        """Count one."""
        self.documents += 1
        self.digest = (self.digest + int.from_bytes(sha256(raw).digest(), "big")) % _MODULUS


@dataclass
class Restoration:
    """What `generation` held at `at`. `with` it; everything is checked before anything is given out."""

    generation: Generation
    at: datetime
    without: frozenset[str] = frozenset()
    """Collections that are left out."""
    sums: dict[str, Sum] = field(default_factory=dict)

    def __enter__(self) -> Self:
        require_sound(self.generation)
        self._folding = Folding(changes(self.generation.path, self.generation.journal), milliseconds(self.at))
        return self

    def __exit__(self, *_: object) -> None:
        self._folding.close()

    @property
    def collections(self) -> list[str]:
        """Those that had, or got, documents."""
        return sorted({*self.generation.collections, *self._folding.collections} - self.without)

    def documents(self, collection: str) -> Iterator[bytes]:
        """To be stored, as BSON."""
        plain = not self._folding.touched(collection) and not changes_all(collection)
        for chunk in self.generation.base.chunks:
            if chunk.collection == collection:
                documents = read_chunk(self.generation.path, chunk)
                yield from documents if plain else self._folded(collection, documents)
        for two in self._folding.newer(collection):
            document = restored(collection, two)
            if document is not None:
                yield bson.encode(document, codec_options=EXACT)

    async def into(self, db: AsyncDatabase[Record], progress: Progress) -> Copied:
        """Store everything, with its indexes, and compare; nobody may work on it until `release`.

        Raise `NotEmptyError`, `DifferentError`.
        """
        await require_empty(db)
        await db[MARKS].insert_one({**RESTORING, "at": now()})
        done = Copied(expected=sum(chunk.documents for chunk in self.generation.base.chunks))
        for collection in self.collections:
            await self._store(db, collection, done, progress)
        await self.compare(db)
        await self._index(db)
        return done

    async def compare(self, db: AsyncDatabase[Record]) -> None:
        """Read everything back. Raise `DifferentError` where it is not what `into` has stored.

        But for what MongoDB deletes by itself when its time is over.
        """
        lasting = [name for name in self.sums if not self._expires(name)]
        wrong = [name for name in lasting if await _stored(db, name) != self.sums[name]]
        if wrong:
            raise DifferentError(wrong)

    def _expires(self, collection: str) -> bool:
        return any("expireAfterSeconds" in index for index in self._folding.indexes.get(collection, ()))

    def _folded(self, collection: str, documents: Iterator[bytes]) -> Iterator[bytes]:
        for each in documents:
            two = self._folding.document(collection, bson.decode(each, EXACT))
            document = restored(collection, two) if two else None
            if document is not None:
                yield bson.encode(document, codec_options=EXACT)

    async def _store(self, db: AsyncDatabase[Record], collection: str, done: Copied, progress: Progress) -> None:
        target = raw(db, collection)
        total = self.sums[collection] = Sum()
        for batch in _batches(self.documents(collection)):
            for each in batch:
                total.add(each)
                done.plain += len(each)
            await target.insert_many([RawBSONDocument(each) for each in batch], ordered=False)
            done.documents += len(batch)
            progress(done)

    async def _index(self, db: AsyncDatabase[Record]) -> None:
        for collection, indexes in self._folding.indexes.items():
            wanted = [index for index in indexes if portable(index)]
            if wanted:
                with pymongo.timeout(None):
                    await db.command("createIndexes", collection, indexes=wanted)


async def release(db: AsyncDatabase[Record]) -> None:
    """It is whole, and what was to be done before anybody works on it is done."""
    await db[MARKS].delete_one(RESTORING)


def portable(index: Record) -> bool:
    """Whether an index is to be made: the one by `_id` is there, and hashed ones come with sharding, where it is."""
    return index["name"] != "_id_" and "hashed" not in index["key"].values()


async def require_empty(db: AsyncDatabase[Record]) -> None:
    """Raise `NotEmptyError` if there is any document, but for what a backup has left there."""
    if await db[MARKS].find_one(RESTORING):
        raise NotEmptyError(db.name, MARKS, cut_short=True)
    for name in sorted(await db.list_collection_names(filter={"type": "collection"})):
        if name != MARKS and await db[name].find_one({}, {"_id": 1}):
            raise NotEmptyError(db.name, name, cut_short=False)


async def _stored(db: AsyncDatabase[Record], collection: str) -> Sum:
    total = Sum()
    with pymongo.timeout(CALL_SECONDS):
        async for document in raw(db, collection).find({}):
            total.add(bytes(document.raw))
    return total


def _batches(documents: Iterator[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document)
        if size >= BATCH_BYTES or len(batch) == BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
