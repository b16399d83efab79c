"""Guesses at where a branch ends: by a good one a page comes in the same call as the end of its branch.

Nothing is believed of a guess. It names slots to be read; what lies there tells where the branch ends, or doesn't, and
then the page is read as if nobody had guessed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from operator import is_
from typing import Final, NamedTuple

from beanie import PydanticObjectId

from models.conversation import Conversation
from models.database import Record
from models.tree.address import MAIN, Address, slots
from models.tree.buckets import Ending, Tail, characters, following
from models.tree.cuts import Cut
from models.tree.figures import foretold
from models.tree.lineage import Segment
from models.tree.page import Path, Window

REMEMBERED: Final = 4_096
"""Branches, the latest read; each takes less than 3 KB."""
SEGMENTS: Final = 8
"""A branch below more forks isn't remembered."""
SHARED: Final = 256 * 1024
"""Characters of a page that is read together with others': all of them are in memory at once."""
BUCKETS: Final = 8
"""Of such a page; more of them are not remembered."""
AHEAD: Final = 8
"""So many messages may have come since the guess was made; more of them, and the page is read without it."""


class Place(NamedTuple):
    """The buckets in some slots, which were read with the end of a branch."""

    slots: frozenset[str]
    buckets: tuple[PydanticObjectId, ...]
    next: PydanticObjectId | None
    """The one that follows, as soon as there is one, where the end was closed."""
    start: int
    """The depth from which they were read: what comes before may be large."""
    length: int
    """The branch's."""

    def serves(self, slots: Collection[str], start: int, length: int) -> bool:
        """Whether a page in these slots, from that depth on, of a branch of that length by what is told, lies here.

        Not where a message is told of that follows a closed end: an earlier version gave its bucket an id that can't be
        looked for, and may have died before it unmarked the end.
        """
        return self.slots.issuperset(slots) and self.start <= start and (self.next is None or length <= self.length)

    @property
    def wanted(self) -> tuple[PydanticObjectId, ...]:
        """What to read, to know whether the branch still ends there."""
        return self.buckets if self.next is None else (*self.buckets, self.next)


class _Known(NamedTuple):
    path: Sequence[Segment]
    length: int
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Guess:
    """What to read: the messages in `slots` at depths `start <= depth < stop`."""

    slots: Collection[str]
    start: int
    stop: int
    place: Place | None = None
    """The buckets in these slots, where they are known."""

    def holds(self, wanted: Collection[str], start: int, stop: int) -> bool:
        """Whether all of that was read: the messages in the slots `wanted` at depths `start <= depth < stop`."""
        return self.start <= start and stop <= self.stop and set(wanted) <= set(self.slots)


class Ends:
    """Of one worker."""

    def __init__(self) -> None:
        self._known: Final[dict[tuple[PydanticObjectId, str], _Known]] = {}

    def note(
        self, conversation_id: PydanticObjectId, branch: str, tail: Tail | None, place: Place | None = None
    ) -> None:
        """Where a branch was found to end, if there is anything of it, and in which buckets."""
        self._known.pop((conversation_id, branch), None)
        if tail is None or tail.lineage.levels or len(tail.lineage.segments) >= SEGMENTS:
            return
        self._known[conversation_id, branch] = _Known(tail.lineage.path, tail.next_depth, place)
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]

    def guess(self, conversation: Conversation, branch: str, window: Window) -> Guess | None:
        """What to read of `branch` for that page; None where nothing tells where it ends."""
        known = self._guessed(conversation, branch)
        if known is None:
            return None
        path, length, place = known
        width, beyond = conversation.slot_width, length + AHEAD
        span = window.span(length)
        start, stop = max(span.start - 1, 0), span.stop + 1 if span.stop < length else beyond
        end = slots(branch, max(length - 1, 0), beyond, width)
        wanted = {*Path(path, start, stop).slots(width), *end}
        return Guess(wanted, start, stop, place if place and place.serves(wanted, start, length) else None)

    def _guessed(self, conversation: Conversation, branch: str) -> _Known | None:
        """By what was read here before, or what the conversation tells."""
        path, length, buckets = self._known.get((conversation.id, branch)) or _Known((Segment(branch, 0, 0),), 0)
        if place := foretold(conversation.counted, branch):
            length = max(length, place.depth)
        elif not length and branch == MAIN and conversation.branch_count == 1:
            length = conversation.message_count
        return _Known(path, length, buckets) if length else None


def place_of(conversation_id: PydanticObjectId, guess: Guess, ending: Ending) -> Place | None:
    """Where what was read on a guess lies; None where those are too many to be read for several at once."""
    if len(ending.buckets) > BUCKETS:
        return None
    tail = ending.tail
    after = None if tail.open else following(conversation_id, tail.branch, tail.next_depth)
    return Place(frozenset(guess.slots), ending.buckets, after, guess.start, tail.next_depth)


def ended(branch: str, cuts: Collection[Cut], place: Place, conversation_id: PydanticObjectId) -> Ending | None:
    """The end of `branch`, where these are all buckets of a place that are there; None where it may be elsewhere.

    An open bucket is the end: none is begun before it is closed. One that is closed is the end as long as the one that
    would follow it, whose id is known, was asked for and isn't there.
    """
    ends = [each for each in cuts if each.tail and each.branch == branch]
    end = max(ends, key=lambda each: each.tail.next_depth if each.tail else 0, default=None)
    tail = end.tail if end else None
    if (
        end is None
        or tail is None
        or any(each.branch == branch and each.first_depth > tail.first_depth for each in cuts)
    ):
        return None
    if not tail.open and place.next != following(conversation_id, branch, tail.next_depth):
        return None
    return _ending(end, tail, [each for each in cuts if each is not end])


def _ending(end: Cut, tail: Tail, others: Sequence[Cut]) -> Ending:
    """The same one for the same cuts, where they come again."""
    if end.ending is not None and len(others) == len(end.ending[0]) and all(map(is_, others, end.ending[0])):
        return end.ending[1]
    found: dict[Address, Record] = {}
    size = 0
    for each in (*others, end):
        found |= each.messages
        size += characters(each.messages.values())
    ending = Ending(tail, found, size=size, pages={} if end.again else None)
    if end.again:
        end.ending = others, ending
    return ending
