"""Guesses at where a branch ends: by a good one a page comes in the same call as the end of its branch.

Nothing is believed of a guess. It names slots to be read; what lies there tells where the branch ends, or doesn't, and
then the page is read as if nobody had guessed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from beanie import PydanticObjectId

from models.conversation import Conversation
from models.tree.address import MAIN, slots
from models.tree.buckets import Tail
from models.tree.figures import foretold
from models.tree.lineage import Segment
from models.tree.page import Path, Window

REMEMBERED: Final = 4_096
"""Branches, the latest read; each takes less than 2 KB."""
SEGMENTS: Final = 8
"""A branch below more forks isn't remembered."""
AHEAD: Final = 8
"""So many messages may have come since the guess was made; more of them, and the page is read without it."""


class _Known(NamedTuple):
    path: Sequence[Segment]
    length: int


@dataclass(frozen=True, slots=True)
class Guess:
    """What to read: the messages in `slots` at depths `start <= depth < stop`."""

    slots: Collection[str]
    start: int
    stop: int

    def holds(self, wanted: Collection[str], start: int, stop: int) -> bool:
        """Whether all of that was read: the messages in the slots `wanted` at depths `start <= depth < stop`."""
        return self.start <= start and stop <= self.stop and set(wanted) <= set(self.slots)


class Ends:
    """Of one worker."""

    def __init__(self) -> None:
        self._known: Final[dict[tuple[PydanticObjectId, str], _Known]] = {}

    def note(self, conversation_id: PydanticObjectId, branch: str, tail: Tail | None) -> None:
        """Where a branch was found to end, if there is anything of it."""
        self._known.pop((conversation_id, branch), None)
        if tail is None or tail.lineage.levels or len(tail.lineage.segments) >= SEGMENTS:
            return
        self._known[conversation_id, branch] = _Known(tail.lineage.path, tail.next_depth)
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]

    def guess(self, conversation: Conversation, branch: str, window: Window) -> Guess | None:
        """What to read of `branch` for that page; None where nothing tells where it ends."""
        known = self._guessed(conversation, branch)
        if known is None:
            return None
        path, length = known
        width, beyond = conversation.slot_width, length + AHEAD
        span = window.span(length)
        start, stop = max(span.start - 1, 0), span.stop + 1 if span.stop < length else beyond
        end = slots(branch, max(length - 1, 0), beyond, width)
        return Guess({*Path(path, start, stop).slots(width), *end}, start, stop)

    def _guessed(self, conversation: Conversation, branch: str) -> _Known | None:
        """By what was read here before, or what the conversation tells."""
        path, length = self._known.get((conversation.id, branch)) or ((Segment(branch, 0, 0),), 0)
        if place := foretold(conversation.counted, branch):
            length = max(length, place.depth)
        elif not length and branch == MAIN and conversation.branch_count == 1:
            length = conversation.message_count
        return _Known(path, length) if length else None
