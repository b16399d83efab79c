"""What a reading gives: rows of a path, a page at a time."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from models.tree.address import MAIN, Address, made, slots
from models.tree.lineage import Segment


class Row(NamedTuple):
    """A message on a path, with its place among its siblings (0 is the oldest)."""

    address: Address
    message: Mapping[str, Any]
    parent: Address | None
    sibling_index: int
    sibling_count: int
    gone: tuple[int, ...] = ()
    """Ordinals of siblings that were removed: neither counted nor shown."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which depths of a path are wanted: `first` from the start, or `last` from the end, between two cursors."""

    first: int | None = None
    last: int | None = None
    after: Address | None = None
    before: Address | None = None

    def span(self, length: int) -> range:
        """The depths, of a path with `length` messages."""
        start = min(self.after.depth + 1, length) if self.after else 0
        stop = max(start, min(self.before.depth, length)) if self.before else length
        if self.first is not None:
            stop = min(stop, start + self.first)
        if self.last is not None:
            start = max(start, stop - self.last)
        return range(start, stop)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of a path that has `length` messages."""

    rows: Sequence[Row]
    span: range
    length: int
    size: int = field(default=0, compare=False)
    """What was read for it, as a `Meter` counts."""
    derived: dict[Any, Any] | None = field(default=None, compare=False)
    """What others make of a page that is given again and again; None where this one is not."""


class Path:
    """The segments that hold a path's depths `start <= depth < stop`."""

    def __init__(self, segments: Sequence[Segment], start: int, stop: int) -> None:
        self._segments = segments
        self._starts = [segment.start for segment in segments]
        self._start, self._stop = start, stop

    def at(self, depth: int) -> Address:
        """The address of the message at `depth`."""
        return Address(self._segment(depth).branch, depth)

    def places(self, span: range) -> Iterator[tuple[Address, int]]:
        """The addresses of the depths of `span`, which it holds, in order, each with which child of its parent that is.

        That is above 0 only where a fork begins.
        """
        ends = [*self._starts[1:], self._stop]
        for (branch, start, ordinal), end in zip(self._segments, ends, strict=True):
            for depth in range(max(start, span.start), min(end, span.stop)):
                yield made(Address, (branch, depth)), max(ordinal, 1) if depth == start and branch != MAIN else 0

    def slots(self, width: int) -> list[str]:
        """The slots of its messages."""
        ends = [*self._starts[1:], self._stop]
        return [
            name
            for segment, end in zip(self._segments, ends, strict=True)
            if max(segment.start, self._start) < end
            for name in slots(segment.branch, max(segment.start, self._start), end, width)
        ]

    def check(self, *cursors: Address | None) -> None:
        """Raise `CursorError` for a cursor within the stretch that isn't the address of a message on the path."""
        for cursor in cursors:
            if cursor and self._start <= cursor.depth < self._stop and self.at(cursor.depth) != cursor:
                raise CursorError("the cursor belongs to another branch")

    def _segment(self, depth: int) -> Segment:
        return self._segments[bisect_right(self._starts, depth) - 1]


class CursorError(ValueError):
    """A cursor that doesn't lie on the path it is used on."""


@dataclass(frozen=True, slots=True)
class BranchEnd:
    """Where a branch left, its own first message, and its last one."""

    branch: str
    forked_from: Address | None
    first: Address
    tip: Address
