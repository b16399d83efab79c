"""Lineage: which ancestor branch holds which depths, in pieces of bounded size.

A branch that left its parent, that left its own parent, and so on, may have ten thousand ancestors. Each branch
stores its nearest ancestors (level 0, at most FANOUT), and references to full lists of older ones, which are kept by
the ancestor that filled them (level 1, at most FANOUT; then level 2, …). So a branch's lineage never exceeds a few
FANOUT entries, all lineages together grow linearly, and a page is found in one more read than there are levels above
it: one read covers FANOUT² = 16,384 nested forks. (A persistent B-tree's right spine, copied from parent to child.)
"""

import struct
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self, TypeVar

from models.tree.address import MAIN, MAX_DEPTH, Address

FANOUT: Final = 128
ENTRY: Final = struct.Struct(">8sII")
"""How a segment or a chunk is stored: a third of its size as BSON. `main` is eight zeros."""
ENDLESS: Final = MAX_DEPTH + 1
"""Where a branch ends that may grow."""
UNNUMBERED: Final = 0
"""The ordinal of a fork that hasn't got one yet: 0 belongs to the message that the parent's own branch goes on with."""


class Segment(NamedTuple):
    """`branch` holds the path from depth `start` on; `ordinal` numbers its first message among its siblings."""

    branch: str
    start: int
    ordinal: int


class Run(NamedTuple):
    """What a path takes of `branch`: depths `start <= depth < stop`; it left its own parent after `parent`."""

    branch: str
    start: int
    stop: int
    ordinal: int
    parent: Address | None


class Chunk(NamedTuple):
    """A full list of entries one level down, kept by branch `holder` (which begins at `holder_start`).

    It describes the path from depth `start` on.
    """

    holder: str
    holder_start: int
    start: int


class Reference(NamedTuple):
    """A chunk to be read: `height` 0 lists segments; it describes depths below `stop`."""

    height: int
    chunk: Chunk
    stop: int


E = TypeVar("E", Segment, Chunk)
Fetch = Callable[[Sequence[Chunk]], Awaitable[Mapping[str, "Lineage"]]]
"""Reads the lineages that the chunks' holders keep, by holder, in one database call."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """A branch's own beginning, and what came before it."""

    own: Segment
    segments: tuple[Segment, ...] = ()
    """The nearest ancestors, oldest first."""
    levels: tuple[tuple[Chunk, ...], ...] = field(default=())
    """References to older ones: lists of segments first, then lists of references to those, …"""

    @property
    def parent(self) -> Address | None:
        """The message after which this branch left; None for `main` and for an alternative first message."""
        if self.segments:
            return Address(self.segments[-1].branch, self.own.start - 1)
        return Address(self.levels[0][-1].holder, self.own.start - 1) if self.levels else None

    @property
    def path(self) -> tuple[Segment, ...]:
        """The nearest segments of the path, this branch's own last."""
        return (*self.segments, self.own)

    def runs(self, stop: int) -> list[Run]:
        """What the nearest segments hold, of a path that leaves the last of them at depth `stop`."""
        path, before = self.path, self.levels[0][-1].holder if self.levels else None
        branches = [before, *(segment.branch for segment in path)]
        stops = [*(segment.start for segment in path[1:]), stop]
        return [
            Run(*segment[:2], end, segment.ordinal, Address(left, segment.start - 1) if left else None)
            for segment, left, end in zip(path, branches, stops, strict=False)
        ]

    def child(self, own: Segment) -> "Lineage":
        """The lineage of a branch that leaves this one at `own.start`."""
        if len(self.path) < FANOUT:
            return Lineage(own, self.path, self.levels)
        chunk = Chunk(self.own.branch, self.own.start, self.path[0].start)
        return Lineage(own, (), self._carried(chunk))

    def _carried(self, chunk: Chunk) -> tuple[tuple[Chunk, ...], ...]:
        """The levels with `chunk` added, as one adds 1 to a number: a full level becomes one entry of the next."""
        levels = list(self.levels)
        for height, level in enumerate(levels):
            if len(level) < FANOUT:
                levels[height] = (*level, chunk)
                return tuple(levels)
            levels[height] = (chunk,)
            chunk = Chunk(self.own.branch, self.own.start, level[0].start)
        return (*levels, (chunk,))

    def chunks(self, start: int, stop: int) -> list["Reference"]:
        """What must be read to know the path at depths `start <= depth < stop`, beyond what stands here."""
        found: list[Reference] = []
        stop = min(stop, self.path[0].start)
        for height, level in enumerate(self.levels):
            found += [Reference(height, chunk, end) for chunk, end in _overlapping(level, start, stop)]
            stop = min(stop, level[0].start)
        return found

    def record(self) -> dict[str, Any]:
        """The stored form. `ordinal` stands apart, as a new branch gets it a moment after its lineage."""
        record: dict[str, Any] = {"start": self.own.start, "ordinal": self.own.ordinal}
        if self.segments:
            record["segments"] = _packed(self.segments)
        if self.levels:
            record["levels"] = [_packed(level) for level in self.levels]
        return record

    @classmethod
    def of(cls, branch: str, record: Mapping[str, Any] | None) -> Self:
        """Read the stored form; `main` has none."""
        if record is None:
            return cls(Segment(MAIN, 0, 0))
        return cls(
            Segment(branch, record["start"], record["ordinal"]),
            _unpacked(Segment, record.get("segments", b"")),
            tuple(_unpacked(Chunk, level) for level in record.get("levels", ())),
        )


def _packed(entries: Iterable[tuple[str, int, int]]) -> bytes:
    return b"".join(
        ENTRY.pack(bytes(8) if branch == MAIN else bytes.fromhex(branch), first, second)
        for branch, first, second in entries
    )


def _unpacked(kind: type[E], data: bytes) -> tuple[E, ...]:
    return tuple(
        kind(branch.hex() if any(branch) else MAIN, first, second) for branch, first, second in ENTRY.iter_unpack(data)
    )


async def resolve(lineage: Lineage, spans: Iterable[range], fetch: Fetch) -> list[Segment]:
    """The segments of the path that hold any of the depths in `spans`, oldest first. All spans share the reads."""
    found: set[Segment] = set()
    pending: list[tuple[range, Reference]] = []
    for span in spans:
        found |= {segment for segment, _ in _overlapping(lineage.path, span.start, span.stop)}
        pending += [(span, reference) for reference in lineage.chunks(span.start, span.stop)]
    while pending:
        holders = await fetch(list({reference.chunk for _, reference in pending}))
        deeper: list[tuple[range, Reference]] = []
        for span, (height, chunk, end) in pending:
            holder = holders[chunk.holder]
            if height == 0:
                found |= {segment for segment, _ in _overlapping(holder.path, span.start, end)}
                continue
            below = _overlapping(holder.levels[height - 1], span.start, end)
            deeper += [(span, Reference(height - 1, entry, entry_end)) for entry, entry_end in below]
        pending = deeper
    return sorted(found, key=lambda segment: segment.start)


async def whole(lineages: Iterable[Lineage], fetch: Fetch) -> set[Run]:
    """All that the paths of branches hold, their own messages to come as well. All paths share the reads."""
    found: set[Run] = set()
    pending: set[Reference] = set()
    for lineage in lineages:
        found.update(lineage.runs(ENDLESS))
        pending.update(lineage.chunks(0, lineage.own.start))
    while pending:
        holders = await fetch(list({reference.chunk for reference in pending}))
        deeper: set[Reference] = set()
        for height, chunk, end in pending:
            if holder := holders.get(chunk.holder):  # else it is being purged, with all that lies below
                if height == 0:
                    found.update(holder.runs(end))
                else:
                    below = _overlapping(holder.levels[height - 1], 0, end)
                    deeper.update(Reference(height - 1, entry, entry_end) for entry, entry_end in below)
        pending = deeper
    return found


def _overlapping(entries: Sequence[E], start: int, stop: int) -> list[tuple[E, int]]:
    """Those of consecutive `entries` that hold a depth in `start <= depth < stop`, each with where it ends there.

    An entry ends where the next begins; the last one has no end of its own.
    """
    ends = [*(entry.start for entry in entries[1:]), stop]
    bounded = ((entry, min(end, stop)) for entry, end in zip(entries, ends, strict=True))
    return [(entry, end) for entry, end in bounded if max(entry.start, start) < end]
