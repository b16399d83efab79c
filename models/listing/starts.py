"""How far lines were read lately, and how much there is at most: so not every list is looked for from the top down.

All of it is of one worker, and only a guess at how much a call will read. Whatever has changed since: a list is read on
the same line from the same place, in order, as far as it has to be.
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.list_terms import EVERY, TOP, at_level
from models.listing.lines import Line
from models.listing.request import ConversationFilter

LITTLE: Final = 4
"""Marks of the first level up to which it is quicker to read the conversations between them at once, some 130."""
MANY: Final = 128
"""Marks that are not looked through one by one."""
SPARSE: Final = 3
"""Marks of a level that are so few that lists need not begin with it."""
FRESH_SECONDS: Final = 10.0
"""How long what is little is taken for little without a look: what came meanwhile is read as well."""
KEPT_SECONDS: Final = 600.0
"""How long anything is remembered: of what came meanwhile one in 32 is read."""
LINES: Final = 10_000

_Key = tuple[object, ...]


class Start(NamedTuple):
    """What is known of a line from its beginning to `edge`, or to its end.

    At level 0 it is so little that it may be read at once; at level 1 its marks may; at level 2 it is more than that.
    """

    level: int
    edge: int | None


class _Note(NamedTuple):
    start: Start
    at: float


class Starts:
    """Of one database. It is shared by all who ask a worker, so it is only for lists that name nothing: see `about`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells seconds."""
        self._clock: Final = clock
        self._notes: dict[_Key, _Note] = {}
        self._choices: dict[_Key, tuple[int, float]] = {}
        self._top = TOP
        self._looked = -math.inf

    def about(self, wanted: ConversationFilter) -> "Starts":
        """What a list may go by: where it names an owner, a tag or the like, nothing that others have come to know.

        Else how long it takes would tell whether somebody has asked for the same lately.
        """
        if not wanted.narrowed:
            return self
        own = Starts(self._clock)
        own._top, own._looked = self._top, self._looked
        return own

    @property
    def top(self) -> int:
        """The level that lists begin with of whose lines nothing is known."""
        return self._top if self._clock() - self._looked < KEPT_SECONDS else TOP

    async def look(self, db: AsyncDatabase[Record]) -> None:
        """How many conversations there are, by their marks: no line has more."""
        top = TOP
        while top > 1 and await _marks(db, top) < SPARSE:
            top -= 1
        self._top, self._looked = top, self._clock()

    def of(self, line: Line) -> Start | None:
        """What is known of it, if anything."""
        note = self._notes.get(_key(line))
        age = self._clock() - note.at if note else math.inf
        if note is None or age > KEPT_SECONDS:
            return None
        return note.start if age <= FRESH_SECONDS else note.start._replace(level=max(1, note.start.level))

    def note(self, line: Line, marks: int, edge: int | None) -> None:
        """That there are so many marks of the first level before `edge`."""
        if len(self._notes) >= LINES:
            self._notes.clear()
        level = 0 if marks <= LITTLE else 1 if marks < MANY else 2
        self._notes[_key(line)] = _Note(Start(level, edge), self._clock())

    def chosen(self, lines: Sequence[Line]) -> Line | None:
        """The one of those that was the rarest."""
        number, at = self._choices.get(tuple(map(_key, lines)), (0, -math.inf))
        return lines[number] if self._clock() - at < KEPT_SECONDS else None

    def choose(self, lines: Sequence[Line], rarest: Line) -> None:
        """Remember it."""
        if len(self._choices) >= LINES:
            self._choices.clear()
        self._choices[tuple(map(_key, lines))] = lines.index(rarest), self._clock()


async def _marks(db: AsyncDatabase[Record], level: int) -> int:
    """Of all conversations, those that are deleted too."""
    stages: list[Record] = [{"$match": {"terms": at_level(level, EVERY)}}, {"$count": "number"}]
    found = await (await db.conversations.aggregate(stages)).to_list()
    return int(found[0]["number"]) if found else 0


def _key(line: Line) -> _Key:
    return line.equal.get("owner_id"), line.field, line.terms, line.time, line.deleted, line.direction, line.instant
