"""Reads segments, and keeps in memory what was read lately: nothing in a segment ever changes."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Generic, Protocol, TypeVar

from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.search.documents import DocumentPage
from models.search.manifest import Part
from models.search.merging import MissingPageError
from models.search.postings import Page
from models.search.segments import Segment, read_pages

CACHED_BYTES: Final = 48 * 1024 * 1024
"""Of pages, a worker."""
SEGMENTS: Final = 200
"""Directories that a worker keeps."""


class Sized(Protocol):
    """Knows its bytes."""

    @property
    def size(self) -> int:
        """As it lies in memory, about."""


P = TypeVar("P", bound=Sized)


class Pages(Generic[P]):
    """Pages of one kind, parsed; those used last are kept up to `limit` bytes."""

    def __init__(self, parse: Callable[[bytes], P], limit: int) -> None:
        self._parse = parse
        self._limit = limit
        self._kept: OrderedDict[str, P] = OrderedDict()
        self._bytes = 0

    async def get(self, db: AsyncDatabase[Record], ids: Iterable[str]) -> Mapping[str, P]:
        """All of them. Raises `MissingPageError`."""
        wanted = list(dict.fromkeys(ids))
        missing = [id_ for id_ in wanted if id_ not in self._kept]
        found = {id_: self._kept[id_] for id_ in wanted if id_ in self._kept}
        for id_ in found:
            self._kept.move_to_end(id_)
        read = await read_pages(db, missing) if missing else {}
        for id_ in missing:
            if id_ not in read:
                raise MissingPageError(id_)
            found[id_] = self._keep(id_, self._parse(read[id_]))
        return found

    def _keep(self, id_: str, page: P) -> P:
        if id_ not in self._kept:
            self._kept[id_] = page
            self._bytes += page.size
        while self._bytes > self._limit:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= dropped.size
        return page


class Reader:
    """One a worker."""

    def __init__(self, db: AsyncDatabase[Record], cached_bytes: int = CACHED_BYTES) -> None:
        self.db = db
        self.postings: Pages[Page] = Pages(Page, cached_bytes * 3 // 4)
        self.documents: Pages[DocumentPage] = Pages(DocumentPage, cached_bytes // 4)
        self._segments: OrderedDict[str, Segment] = OrderedDict()

    async def segments(self, parts: Sequence[Part]) -> Sequence[Segment]:
        """The directories of all that is searched, newest first. Raises `MissingPageError`."""
        missing = [part.id for part in parts if part.id not in self._segments]
        if missing:
            async for record in self.db.search_segments.find({"_id": {"$in": missing}}, batch_size=1_000):
                self._segments[record["_id"]] = Segment.of(record)
        found = []
        for part in reversed(parts):
            if part.id not in self._segments:
                raise MissingPageError(part.id)
            self._segments.move_to_end(part.id)
            found.append(self._segments[part.id])
        while len(self._segments) > max(SEGMENTS, len(found)):
            self._segments.popitem(last=False)
        return found
