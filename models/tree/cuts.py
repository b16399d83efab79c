"""Parts of buckets as they were read: what comes again, byte for byte, is decoded once.

Nothing is believed of what is kept: the bytes come from the database each time.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import bson
from beanie import PydanticObjectId

from models.database import Record
from models.tree.address import Address
from models.tree.buckets import NAIVE, Ending, Tail, by_address

MESSAGE_BYTES: Final = 512
"""What a message weighs besides: what is made of it takes some 1.8 KB, however short it is, and its answers 4.3."""
HEAD: Final = 21
"""Bytes by which something is looked for before all are compared, as to hash all takes longer: the length of the BSON,
and a bucket's id."""
KEPT_SECONDS: Final = 60.0
"""How long what nobody reads any more is kept at least: at most for twice as long, as it may have been erased."""


@dataclass(slots=True, eq=False)
class Cut:
    """What was read of a bucket. Others read it, too: nobody changes it."""

    place: tuple[PydanticObjectId, PydanticObjectId]
    """Its conversation's id, and its own."""
    branch: str
    first_depth: int
    tail: Tail | None
    """Where it is marked as the end of its branch."""
    messages: Mapping[Address, Record]
    again: bool = False
    """Whether it has come more than once, so that it is worth while to keep what is made of it."""
    ending: "tuple[Sequence[Cut], Ending] | None" = None
    """What it was last found to be the end of, with which others. No cycle: those are further up the tree."""

    @classmethod
    def of(cls, bucket: Record) -> "Cut":
        """As `NAIVE` decodes it."""
        tail = Tail.of(bucket) if bucket.get("tail") == bucket["branch"] else None
        place = bucket["conversation_id"], bucket["_id"]
        return cls(place, bucket["branch"], bucket["first_depth"], tail, by_address(bucket))


@dataclass(slots=True)
class _Kept:
    raw: bytes
    cut: Cut
    weight: int
    used: bool = True
    """Since it was last looked for what nobody uses."""


class Cuts:
    """Of one worker: what was read last. It weighs `most` bytes: those that are stored, and some for each message."""

    def __init__(self, most: int) -> None:
        self._most: Final = most
        self._kept: Final[dict[bytes, _Kept]] = {}
        self._weight = 0
        self._sweep: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, raw: bytes) -> Cut:
        """What these bytes say: the same object for the same bytes, as long as it is kept."""
        head = raw[:HEAD]
        kept = self._kept.get(head)
        if kept is None or kept.raw != raw:
            return self._decoded(head, raw)
        kept.used = kept.cut.again = True
        self._kept[head] = self._kept.pop(head)  # the latest of all
        return kept.cut

    def _decoded(self, head: bytes, raw: bytes) -> Cut:
        """Kept, unless it is too large, in place of what had the same head."""
        if head in self._kept:
            self._drop(head)
        cut = Cut.of(bson.decode(raw, NAIVE))
        kept = _Kept(raw, cut, len(raw) + MESSAGE_BYTES * len(cut.messages))
        if kept.weight <= self._most:
            self._keep(head, kept)
        return cut

    def _keep(self, head: bytes, kept: _Kept) -> None:
        self._kept[head] = kept
        self._weight += kept.weight
        while self._weight > self._most:
            self._drop(next(iter(self._kept)))
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(KEPT_SECONDS, self.sweep)

    def sweep(self) -> None:
        """Drop what was not used since this was last done."""
        for head in [head for head, kept in self._kept.items() if not kept.used]:
            self._drop(head)
        for kept in self._kept.values():
            kept.used = False
        again = asyncio.get_running_loop().call_later(KEPT_SECONDS, self.sweep) if self._kept else None
        self._sweep = again

    def _drop(self, head: bytes) -> None:
        self._weight -= self._kept.pop(head).weight
