"""Segments: immutable pieces of the index, each over many messages; a directory, and pages found by their ids."""

import secrets
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from bson import Binary
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.search.documents import Keys, keys, packed_pages
from models.search.entries import Entry
from models.search.postings import Mark, Postings, paged

CALL_BYTES: Final = 2 * 1024 * 1024
"""Pages written in one call."""
SWEPT: Final = 200
"""Pages deleted in one call."""
_ENTRY: Final = struct.Struct("<BI")


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment's directory. `key_firsts` and `marks` tell where each page of documents, and of postings, begins."""

    id: str
    documents: int
    key_firsts: Sequence[bytes]
    marks: Sequence[Mark]
    size: int = 0
    """Bytes of its pages."""

    def document_page(self, number: int) -> str:
        """The page's id."""
        return f"{self.id}.d{number}"

    def posting_page(self, number: int) -> str:
        """The page's id."""
        return f"{self.id}.p{number}"

    @property
    def pages(self) -> Iterator[str]:
        """Ids of all its pages."""
        yield from map(self.document_page, range(len(self.key_firsts)))
        yield from map(self.posting_page, range(len(self.marks)))

    @property
    def record(self) -> Record:
        """As it is stored."""
        marks = b"".join(_ENTRY.pack(len(mark.term), mark.doc) + mark.term for mark in self.marks)
        return {
            "_id": self.id,
            "documents": self.documents,
            "size": self.size,
            "keys": Binary(b"".join(self.key_firsts)),
            "marks": Binary(zlib.compress(marks, 1)),
        }

    @classmethod
    def of(cls, record: Record) -> "Segment":
        """Read it."""
        packed = bytes(record["keys"])
        firsts = [packed[at : at + 36] for at in range(0, len(packed), 36)]
        marks = list(_marks(zlib.decompress(record["marks"])))
        return cls(record["_id"], record["documents"], firsts, marks, record["size"])


def _marks(packed: bytes) -> Iterator[Mark]:
    at = 0
    while at < len(packed):
        length, doc = _ENTRY.unpack_from(packed, at)
        at += _ENTRY.size
        yield Mark(packed[at : at + length], doc)
        at += length


def new_id() -> str:
    """Random, so that two that build at once don't write over each other."""
    return secrets.token_hex(8)


class SegmentWriter:
    """Writes one segment, page by page; the directory comes last."""

    def __init__(self, db: AsyncDatabase[Record], id_: str) -> None:
        self._db = db
        self._id = id_
        self._firsts: list[bytes] = []
        self._marks: list[Mark] = []
        self._documents = self._size = 0
        self._waiting: list[Record] = []
        self._bytes = 0

    async def documents(self, found: Keys) -> None:
        """All of them, in order."""
        self._documents = len(found)
        for first, page in packed_pages(found):
            await self._put(f"{self._id}.d{len(self._firsts)}", page)
            self._firsts.append(first)

    async def postings(self, postings: Postings) -> None:
        """The next ones in order."""
        for mark, page in paged(postings):
            await self._put(f"{self._id}.p{len(self._marks)}", page)
            self._marks.append(mark)

    async def close(self) -> Segment:
        """Write the directory; the segment is whole, and in no manifest yet."""
        await self._flush()
        segment = Segment(self._id, self._documents, self._firsts, self._marks, self._size)
        await self._db.search_segments.insert_one(segment.record)
        return segment

    async def _put(self, id_: str, data: bytes) -> None:
        self._waiting.append({"_id": id_, "data": Binary(data)})
        self._bytes += len(data)
        self._size += len(data)
        if self._bytes >= CALL_BYTES:
            await self._flush()

    async def _flush(self) -> None:
        if self._waiting:
            await self._db.search_pages.insert_many(self._waiting)
            self._waiting, self._bytes = [], 0


async def read_pages(db: AsyncDatabase[Record], ids: Iterable[str]) -> dict[str, bytes]:
    """Those that are there."""
    found = db.search_pages.find({"_id": {"$in": list(ids)}}, batch_size=1_000)
    return {record["_id"]: record["data"] async for record in found}


async def sweep(db: AsyncDatabase[Record], id_: str) -> None:
    """Delete a segment, or what there is of one: its pages are numbered without gaps, and were written in order."""
    for kind in "dp":
        start, deleted = 0, 1
        while deleted:
            ids = [f"{id_}.{kind}{number}" for number in range(start, start + SWEPT)]
            deleted = (await db.search_pages.delete_many({"_id": {"$in": ids}})).deleted_count
            start += SWEPT
    await db.search_segments.delete_one({"_id": id_})


class _Numbers(dict[bytes, int]):
    """Numbers terms as they come."""

    def __missing__(self, term: bytes) -> int:
        self[term] = number = len(self)
        return number


def built(entries: Sequence[Entry]) -> tuple[Keys, Postings]:
    """The columns of a small segment of `entries`, of which no two have the same key."""
    ordered = sorted(entries, key=lambda entry: entry.key)
    numbers = _Numbers()
    seen = [numbers[term] for entry in ordered for term in entry.impacts]
    impacts = np.array([impact for entry in ordered for impact in entry.impacts.values()], np.uint8)
    docs = np.repeat(np.arange(len(ordered)), [len(entry.impacts) for entry in ordered])
    terms = sorted(numbers)
    places = np.empty(len(terms), np.int64)
    places[[numbers[term] for term in terms]] = np.arange(len(terms))
    held = places[np.array(seen, np.int64)]
    order = np.argsort(held, kind="stable")  # documents stay in order
    counts = np.bincount(held, minlength=len(terms))
    return keys([entry.key for entry in ordered]), Postings(terms, counts, docs[order], impacts[order])
