"""The manifest: which segments make up the index. One document, replaced as a whole: readers see before or after."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from models.clock import now
from models.database import Record
from models.search.analysis import VERSION

LIVE: Final = "live"
LEASE: Final = "lease"
LEASE_SECONDS: Final = 10.0
"""How long the index stands still when the worker that keeps it dies."""


class Part(NamedTuple):
    """A segment, and how many messages are in it."""

    id: str
    documents: int


class Aside(NamedTuple):
    """A segment that isn't searched, since when: it is being built, or was replaced."""

    id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Manifest:
    """`parts` are searched, oldest first; `analysis` is the version of the texts' analysis that made them."""

    version: int = 0
    analysis: int = VERSION
    parts: tuple[Part, ...] = ()
    building: tuple[Aside, ...] = ()
    retired: tuple[Aside, ...] = field(default=())

    @classmethod
    def of(cls, record: Record) -> "Manifest":
        """Read it."""
        return cls(
            record["version"],
            record["analysis"],
            _parts(record),
            tuple(Aside(each["id"], each["at"]) for each in record["building"]),
            tuple(Aside(each["id"], each["at"]) for each in record["retired"]),
        )

    @property
    def fields(self) -> Record:
        """As it is stored."""
        return {
            "version": self.version,
            "analysis": self.analysis,
            "parts": [part._asdict() for part in self.parts],
            "building": [aside._asdict() for aside in self.building],
            "retired": [aside._asdict() for aside in self.retired],
        }

    def begin(self, id_: str) -> "Manifest":
        """`id_` is being built: whoever finds it left behind knows what to sweep."""
        return replace(self, building=(*self.building, Aside(id_, now())))

    def publish(self, part: Part, instead: frozenset[str] = frozenset()) -> "Manifest | None":
        """`part` is searched from now on, `instead` of those; None where they, or it, are not there any more."""
        if part.id not in {aside.id for aside in self.building} or not instead <= {each.id for each in self.parts}:
            return None
        place = min((n for n, each in enumerate(self.parts) if each.id in instead), default=len(self.parts))
        added = (part,) if part.documents else ()
        parts = [each for each in (*self.parts[:place], *added, *self.parts[place:]) if each.id not in instead]
        building = tuple(aside for aside in self.building if aside.id != part.id)
        gone = instead if part.documents else instead | {part.id}
        retired = (*self.retired, *(Aside(id_, now()) for id_ in sorted(gone)))
        return replace(self, parts=tuple(parts), building=building, retired=retired)

    def swept(self, id_: str) -> "Manifest":
        """Nothing is left of it."""
        return replace(
            self,
            building=tuple(aside for aside in self.building if aside.id != id_),
            retired=tuple(aside for aside in self.retired if aside.id != id_),
        )


async def read_manifest(db: AsyncDatabase[Record]) -> Manifest:
    """As it is now; an empty one where nothing was indexed yet."""
    record = await db.search_manifest.find_one({"_id": LIVE})
    return Manifest.of(record) if record else Manifest()


async def read_parts(db: AsyncDatabase[Record]) -> Sequence[Part]:
    """Its parts alone. What was retired, and is kept for a while, may be ten times as much, and no search needs it."""
    record = await db.search_manifest.find_one({"_id": LIVE}, {"parts": 1})
    return _parts(record) if record else ()


def _parts(record: Record) -> tuple[Part, ...]:
    return tuple(Part(each["id"], each["documents"]) for each in record["parts"])


async def change_manifest(db: AsyncDatabase[Record], change: Callable[[Manifest], Manifest | None]) -> Manifest | None:
    """Apply `change`, again and again until nobody came between; None where it wants nothing changed."""
    while True:
        before = await read_manifest(db)
        after = change(before)
        if after is None:
            return None
        after = replace(after, version=before.version + 1)
        if await _replaced(db, before, after):
            return after


async def _replaced(db: AsyncDatabase[Record], before: Manifest, after: Manifest) -> bool:
    if before.version == 0:
        try:
            await db.search_manifest.insert_one({"_id": LIVE, **after.fields})
        except DuplicateKeyError:
            return False
        return True
    wanted = {"_id": LIVE, "version": before.version}
    return (await db.search_manifest.update_one(wanted, {"$set": after.fields})).matched_count == 1


class Lease:
    """One worker at a time keeps the index: a courtesy, for what two do at once is done twice, and never wrong."""

    def __init__(self, db: AsyncDatabase[Record], holder: str) -> None:
        self._collection = db["search_manifest"]
        self._holder = holder

    async def take(self) -> bool:
        """Take it, or keep it; whether that worked."""
        moment = now()
        fields: dict[str, Any] = {"holder": self._holder, "until": moment + timedelta(seconds=LEASE_SECONDS)}
        held = await self._collection.find_one({"_id": LEASE})
        if held is None:
            try:
                await self._collection.insert_one({"_id": LEASE, **fields})
            except DuplicateKeyError:
                return False
            return True
        if held["holder"] != self._holder and held["until"] > moment:
            return False
        wanted = {"_id": LEASE, "holder": held["holder"], "until": held["until"]}
        return (await self._collection.update_one(wanted, {"$set": fields})).matched_count == 1

    async def give_up(self) -> None:
        """Let another take it at once."""
        await self._collection.update_one({"_id": LEASE, "holder": self._holder}, {"$set": {"until": now()}})
