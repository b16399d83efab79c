"""Reading: pages of a branch's path, messages by address, siblings, branches. Three database calls at most a page."""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.conversation import Conversation
from models.database import Record
from models.tree.address import MAIN, Address, slots
from models.tree.buckets import BATCH, Buckets, Tail
from models.tree.draft import TreeLimits
from models.tree.errors import BranchNotFoundError
from models.tree.lineage import Lineage, Segment, resolve
from models.tree.turns import Turns, in_turn


@dataclass(frozen=True, slots=True)
class Row:
    """A message on a path, with its place among its siblings (0 is the oldest)."""

    address: Address
    message: Mapping[str, Any]
    parent: Address | None
    sibling_index: int
    sibling_count: int


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


class Path:
    """The segments that hold a path's depths `start <= depth < stop`."""

    def __init__(self, segments: Sequence[Segment], start: int, stop: int) -> None:
        self._segments = segments
        self._starts = [segment.start for segment in segments]
        self._start, self._stop = start, stop

    def at(self, depth: int) -> Address:
        """The address of the message at `depth`."""
        return Address(self._segment(depth).branch, depth)

    def ordinal(self, depth: int) -> int:
        """Which child of its parent the message at `depth` is: above 0 only where a fork begins."""
        segment = self._segment(depth)
        return max(segment.ordinal, 1) if depth == segment.start and segment.branch != MAIN else 0

    def slots(self, width: int) -> list[str]:
        """The slots of its messages."""
        ends = [*self._starts[1:], self._stop]
        return [
            name
            for segment, end in zip(self._segments, ends, strict=True)
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
    """Where a branch left, and its last message's address."""

    branch: str
    forked_from: Address | None
    tip: Address


class History:
    """Reads one conversation. Readings take `turns`, of which a worker has few."""

    def __init__(self, db: AsyncDatabase[Record], conversation: Conversation, limits: TreeLimits, turns: Turns) -> None:
        self._conversation = conversation
        self._turns = turns
        self._branches = db["branches"]
        self._buckets = Buckets(db, conversation.id, conversation.slot_width, limits)

    @in_turn
    async def page(self, branch: str, window: Window) -> Page:
        """A page of the path from the root to the end of `branch`.

        Raises `BranchNotFoundError` and `CursorError`.
        """
        tail = await self._buckets.tail(branch)
        if tail is None:
            return self._empty(branch, window)
        if any(cursor.depth >= tail.next_depth for cursor in (window.after, window.before) if cursor):
            raise CursorError("the cursor belongs to another branch")
        span = window.span(tail.next_depth)
        # One message more at either side: its fork count belongs to the first row, its address proves a cursor.
        start, stop = max(span.start - 1, 0), min(span.stop + 1, tail.next_depth)
        path = Path(await resolve(tail.lineage, start, stop, self._buckets.lineages), start, stop)
        path.check(window.after, window.before)
        found = await self._buckets.messages(path.slots(self._buckets.width), start, stop)
        rows = [self._row(path, depth, found) for depth in span]
        return Page(rows, span, tail.next_depth)

    def _empty(self, branch: str, window: Window) -> Page:
        if branch != MAIN:
            raise BranchNotFoundError(branch)
        if window.after or window.before:
            raise CursorError("the conversation has no messages yet")
        return Page([], range(0), 0)

    def _row(self, path: "Path", depth: int, found: Mapping[Address, Record]) -> Row:
        address = path.at(depth)
        parent = path.at(depth - 1) if depth else None
        forks = found[parent].get("forks", 0) if parent else self._conversation.root_forks
        index = path.ordinal(depth)
        return Row(address, found[address], parent, index, max(forks, index) + 1)

    @in_turn
    async def rows(self, addresses: Collection[Address]) -> dict[Address, Row]:
        """Messages by address; those that don't exist are left out. Two calls, three where one begins a branch."""
        wanted = set(addresses)
        around = wanted | {Address(a.branch, a.depth - 1) for a in wanted if a.depth}
        found = await self._buckets.messages_at(around)
        begins = {
            a.branch: a.depth
            for a in wanted & found.keys()
            if Address(a.branch, a.depth - 1) not in found and a.branch != MAIN
        }
        lineages = await self._buckets.first_lineages(begins) if begins else {}
        parents = [lineage.parent for lineage in lineages.values() if lineage.parent]
        found |= await self._buckets.messages_at(parents) if parents else {}
        rows: dict[Address, Row] = {}
        for address in wanted & found.keys():
            lineage = lineages.get(address.branch) if begins.get(address.branch) == address.depth else None
            rows[address] = self._alone(address, lineage, found)
        return rows

    def _alone(self, address: Address, begun: Lineage | None, found: Mapping[Address, Record]) -> Row:
        parent = begun.parent if begun else Address(address.branch, address.depth - 1)
        index = max(begun.own.ordinal, 1) if begun else 0
        if parent is None or address.depth == 0:
            return Row(address, found[address], None, index, max(self._conversation.root_forks, index) + 1)
        forks = found[parent].get("forks", 0)
        return Row(address, found[address], parent, index, max(forks, index) + 1)

    @in_turn
    async def siblings(self, parent: Address | None, depth: int, limit: int) -> list[Address]:
        """The first `limit` messages at `depth` that follow `parent`, oldest first."""
        query = {
            "conversation_id": self._conversation.id,
            "parent_branch": parent.branch if parent else None,
            "fork_depth": depth,
            "ordinal": {"$gte": 1, "$lt": limit},
        }
        found = self._branches.find(query, {"branch": 1, "ordinal": 1}, batch_size=BATCH)
        forks = [branch async for branch in found]
        forks.sort(key=lambda branch: branch["ordinal"])
        names = [parent.branch if parent else MAIN, *(fork["branch"] for fork in forks)]
        return [Address(name, depth) for name in names]

    @in_turn
    async def ends(self, branches: Collection[str]) -> dict[str, BranchEnd]:
        """Where branches left and end, in one call; one without messages is left out."""
        tails = await self._buckets.tails(branches)
        return {name: _end(tail) for name, tail in tails.items()}

    @in_turn
    async def created(self, branches: Collection[str]) -> dict[str, datetime]:
        """When branches were made."""
        query = {"conversation_id": self._conversation.id, "branch": {"$in": list(branches)}}
        found = self._branches.find(query, {"branch": 1, "created_at": 1})
        return {branch["branch"]: branch["created_at"] async for branch in found}

    @in_turn
    async def branches(self, after: PydanticObjectId | None, size: int) -> list[tuple[PydanticObjectId, str]]:
        """(place in the list, name) of `size` branches, oldest first, after the one at `after`."""
        query: dict[str, Any] = {"conversation_id": self._conversation.id}
        if after:
            query["_id"] = {"$gt": after}
        found = self._branches.find(query, {"branch": 1}).sort("_id").limit(size)
        return [(branch["_id"], branch["branch"]) async for branch in found]


def _end(tail: Tail) -> BranchEnd:
    return BranchEnd(tail.branch, tail.lineage.parent, Address(tail.branch, tail.next_depth - 1))
