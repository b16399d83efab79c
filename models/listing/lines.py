"""Stretches of an index in the direction of reading: what the server is asked, and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from beanie import PydanticObjectId
from bson import ObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.list_terms import at_level

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)
"""Times are stored in whole ones."""
FIRST_TIME: Final = -((EPOCH - datetime.min.replace(tzinfo=UTC)) // MILLISECOND)
LAST_TIME: Final = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MILLISECOND
LAST_ID: Final = 2**96 - 1
HIDDEN: Final = {"terms": 0, "title_terms": 0}


async def matching(
    db: AsyncDatabase[Record], indexed: Record, wanted: Sequence[Record], order: Record, most: int
) -> list[Record]:
    """Up to `most` of what matches all of that, in order.

    First what an index answers, then the rest: the embedded server uses none that doesn't answer all of a match.
    """
    stages: list[Record] = [
        {"$match": indexed},
        *([{"$match": {"$and": list(wanted)}}] if wanted else []),
        {"$sort": order},
        {"$limit": most},
        {"$project": HIDDEN},
    ]
    return await (await db.conversations.aggregate(stages, batchSize=most + 1)).to_list()


def milliseconds(time: datetime) -> int:
    """Since 1970."""
    return (time - EPOCH) // MILLISECOND


@dataclass(frozen=True, slots=True)
class Line:
    """Conversations of a term in the order of a time, or those of one instant in the order of their ids.

    Positions are whole numbers: milliseconds, or ids. `equal` is what stands before the term in the index.
    """

    db: AsyncDatabase[Record]
    equal: Mapping[str, Any]
    field: str
    """Which field holds the term: `terms` or `title_terms`."""
    terms: tuple[str, ...]
    """One; or several, to be read as a whole: nothing else is looked at then, not even whether they are deleted."""
    time: str
    """The field of the time."""
    deleted: bool
    direction: int
    instant: int | None = None

    def within(self, instant: int) -> "Line":
        """Those of that instant."""
        return replace(self, instant=instant)

    async def marks(self, level: int, first: int | None, end: int | None, most: int) -> list[int]:
        """Where the next `most` conversations of that level stand, from `first` on and before `end`, in order.

        All that stand there are read, for the embedded server does so anyway, and put in order here: it takes twice as
        long to sort documents. There are some 32, as the next higher level's first one is the end.
        """
        together = {"$group": {"_id": None, "at": {"$push": f"${self._axis}"}}}
        stages: list[Record] = [{"$match": self._query(level, first, end)}, together]
        found = await (await self.db.conversations.aggregate(stages)).to_list()
        positions = map(self._position, found[0]["at"] if found else ())
        return sorted(positions, reverse=self.direction < 0)[:most]

    async def read(
        self, first: int | None, end: int | None, wanted: Sequence[Record], most: int, by: str | None = None
    ) -> list[Record]:
        """Up to `most` from `first` on and before `end` that match `wanted`, in order, or in that of the time `by`."""
        order = {by: self.direction, "_id": self.direction} if by else self._sort
        return await matching(self.db, self._query(0, first, end), wanted, order, most)

    @property
    def _axis(self) -> str:
        return self.time if self.instant is None else "_id"

    @property
    def _sort(self) -> dict[str, int]:
        return {self.time: self.direction, "_id": self.direction}

    def _query(self, level: int, first: int | None, end: int | None) -> Record:
        """Equality on the leading fields of one index, then a range: `$lt` and `$gte`, see decision 0037."""
        terms = [at_level(level, term) for term in self.terms]
        if len(terms) > 1:  # the embedded server uses no index for what follows `$in`
            return {self.field: {"$in": terms}}
        query: Record = {**self.equal, self.field: terms[0], "deleted": self.deleted}
        if self.instant is not None:
            query[self.time] = EPOCH + self.instant * MILLISECOND
        low, high = (first, end) if self.direction > 0 else (_next(end), _next(first))
        bounds: Record = {}
        if low is not None:
            bounds["$gte"] = self._value(low)
        if high is not None and high <= self._last:
            bounds["$lt"] = self._value(high)
        return {**query, self._axis: bounds} if bounds else query

    @property
    def _last(self) -> int:
        return LAST_TIME if self.instant is None else LAST_ID

    def _value(self, position: int) -> Any:
        if self.instant is None:
            return EPOCH + min(max(position, FIRST_TIME), LAST_TIME) * MILLISECOND
        return PydanticObjectId(f"{min(max(position, 0), LAST_ID):024x}")

    def _position(self, value: Any) -> int:
        return milliseconds(value) if self.instant is None else id_number(value)


def id_number(id_: ObjectId) -> int:
    """An id as a position."""
    return int.from_bytes(id_.binary)


def _next(position: int | None) -> int | None:
    return None if position is None else position + 1
