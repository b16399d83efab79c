"""Reading: pages of a branch's path, messages by address, siblings, branches. Three database calls at most a page."""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.conversation import Conversation
from models.database import Record
from models.tree.address import MAIN, Address, slots
from models.tree.buckets import BATCH, Buckets, Tail
from models.tree.comparison import shared_length
from models.tree.draft import TreeLimits
from models.tree.errors import BranchNotFoundError
from models.tree.lineage import Lineage, Segment, resolve
from models.tree.listing import Listed, list_branches
from models.tree.removals import Removals
from models.tree.turns import Turns, in_turn

TOMBSTONE: Final = ("depth", "role", "created_at", "author_id", "edited_from", "deleted_at", "forks", "gone")
"""The fields of a deleted message that are shown. What it said is stored until it is purged, and no reader gets it."""


@dataclass(frozen=True, slots=True)
class Row:
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


class History:
    """Reads one conversation. Readings take `turns`, of which a worker has few."""

    def __init__(self, db: AsyncDatabase[Record], conversation: Conversation, limits: TreeLimits, turns: Turns) -> None:
        self._conversation = conversation
        self._turns = turns
        self._db = db
        self._branches = db["branches"]
        self._buckets = Buckets(db, conversation.id, conversation.slot_width, limits)
        self._removals = Removals(conversation, self._buckets)

    @in_turn
    async def page(self, branch: str, window: Window) -> Page:
        """A page of the path from the root to the end of `branch`.

        Raises `BranchNotFoundError` and `CursorError`.
        """
        tail = await self._buckets.tail(branch)
        if tail is None or (length := self._removals.end(tail)) == tail.lineage.own.start:
            return self._empty(branch, window)
        if any(cursor.depth >= length for cursor in (window.after, window.before) if cursor):
            raise CursorError("the cursor belongs to another branch")
        span = window.span(length)
        # One message more at either side: its fork count belongs to the first row, its address proves a cursor.
        start, stop = max(span.start - 1, 0), min(span.stop + 1, length)
        path = await self._path(tail, start, stop)
        path.check(window.after, window.before)
        found = await self._buckets.messages(path.slots(self._buckets.width), start, stop)
        rows = [self._row(path, depth, found) for depth in span]
        return Page(rows, span, length)

    async def _path(self, tail: Tail, start: int, stop: int) -> Path:
        """The path's depths `start <= depth < stop`. Raises `BranchNotFoundError` where it was removed further up."""
        spans = [range(start, stop), *self._removals.above(tail.lineage)]
        segments = await resolve(tail.lineage, spans, self._buckets.lineages)
        if self._removals.first(segments, tail.lineage.own.start):
            raise BranchNotFoundError(tail.branch)
        return Path(segments, start, stop)

    def _empty(self, branch: str, window: Window) -> Page:
        if branch != MAIN:
            raise BranchNotFoundError(branch)
        if window.after or window.before:
            raise CursorError("the conversation has no messages yet")
        return Page([], range(0), 0)

    def _row(self, path: "Path", depth: int, found: Mapping[Address, Record]) -> Row:
        address = path.at(depth)
        parent = path.at(depth - 1) if depth else None
        return self._placed(address, parent, path.ordinal(depth), found)

    def _placed(self, address: Address, parent: Address | None, ordinal: int, found: Mapping[Address, Record]) -> Row:
        """The row of the child `ordinal` of `parent`, counted among those of its siblings that are not removed."""
        conversation = self._conversation
        forks = found[parent].get("forks", 0) if parent else conversation.root_forks
        purged = found[parent].get("gone", ()) if parent else conversation.root_gone
        gone = tuple(sorted({*purged, *self._removals.gone(parent)}))
        index = ordinal - sum(each < ordinal for each in gone)
        return Row(address, _shown(found[address]), parent, index, max(forks, ordinal) + 1 - len(gone), gone)

    @in_turn
    async def rows(self, addresses: Collection[Address]) -> dict[Address, Row]:
        """Messages by address; those that don't exist are left out. Two calls, three where one begins a branch."""
        wanted = await self._in_sight(set(addresses))
        around = wanted | {Address(a.branch, a.depth - 1) for a in wanted if a.depth}
        found = await self._buckets.messages_at(around)
        wanted = {address for address in wanted & found.keys() if not found[address].get("removed")}
        begins = {a.branch: a.depth for a in wanted if Address(a.branch, a.depth - 1) not in found and a.branch != MAIN}
        lineages = await self._buckets.first_lineages(begins) if begins else {}
        parents = [lineage.parent for lineage in lineages.values() if lineage.parent]
        found |= await self._buckets.messages_at(parents) if parents else {}
        rows: dict[Address, Row] = {}
        for address in wanted:
            lineage = lineages.get(address.branch) if begins.get(address.branch) == address.depth else None
            rows[address] = self._alone(address, lineage, found)
        return rows

    def _alone(self, address: Address, begun: Lineage | None, found: Mapping[Address, Record]) -> Row:
        ordinal = max(begun.own.ordinal, 1) if begun else 0
        if address.depth == 0:
            return self._placed(address, None, ordinal, found)
        parent = begun.parent if begun else Address(address.branch, address.depth - 1)
        return self._placed(address, parent, ordinal, found)

    async def _in_sight(self, addresses: set[Address]) -> set[Address]:
        """Those that no removed subtree holds; one call, where there is any such, and another below many forks."""
        if not self._removals:
            return addresses
        tails = await self._buckets.tails({address.branch for address in addresses})
        cut_off = await self._removals.cut_off(tails.values())
        ends = {name: self._removals.end(tail) for name, tail in tails.items() if name not in cut_off}
        return {address for address in addresses if address.depth < ends.get(address.branch, 0)}

    @in_turn
    async def siblings(
        self, parent: Address | None, depth: int, limit: int, gone: Collection[int] = ()
    ) -> list[Address]:
        """The first `limit` messages at `depth` that follow `parent`, oldest first, without the ordinals in `gone`."""
        query = {
            "conversation_id": self._conversation.id,
            "parent_branch": parent.branch if parent else None,
            "fork_depth": depth,
            "ordinal": {"$gte": 1, "$lt": limit + len(gone)},
        }
        found = self._branches.find(query, {"branch": 1, "ordinal": 1}, batch_size=BATCH)
        names = {fork["ordinal"]: fork["branch"] async for fork in found} | {0: parent.branch if parent else MAIN}
        return [Address(names[ordinal], depth) for ordinal in sorted(names.keys() - set(gone))][:limit]

    @in_turn
    async def ends(self, branches: Collection[str]) -> dict[str, BranchEnd]:
        """Where branches left and end; one without messages, or of which all are removed, is left out.

        One call, and where subtrees are removed below many forks another one for each such branch.
        """
        tails = await self._buckets.tails(branches)
        cut_off = await self._removals.cut_off(tails.values())
        ends = {name: self._removals.end(tail) for name, tail in tails.items() if name not in cut_off}
        return {
            name: BranchEnd(name, own.parent, Address(name, own.own.start), Address(name, end - 1))
            for name, end in ends.items()
            if end > (own := tails[name].lineage).own.start
        }

    @in_turn
    async def refuge(self, branch: str) -> str:
        """`branch`, or where its reader is left where it was removed: on the branch that it left, or `main`."""
        while branch != MAIN:
            tail = await self._buckets.tail(branch)
            if tail is None:
                return MAIN
            cut = (await self._removals.cut_off([tail])).get(branch)
            if cut is None and self._removals.end(tail) > tail.lineage.own.start:
                return branch
            parent = tail.lineage.parent
            branch = cut.branch if cut else parent.branch if parent else MAIN
        return branch

    @in_turn
    async def created(self, branches: Collection[str]) -> dict[str, datetime]:
        """When branches were made."""
        query = {"conversation_id": self._conversation.id, "branch": {"$in": list(branches)}}
        found = self._branches.find(query, {"branch": 1, "created_at": 1})
        return {branch["branch"]: branch["created_at"] async for branch in found}

    @in_turn
    async def branches(self, after: PydanticObjectId | None, size: int) -> list[Listed]:
        """`size` branches, oldest first, after the place `after`; removed ones, too, which `ends` leaves out."""
        return await list_branches(self._db, self._conversation.id, after, size)

    @in_turn
    async def last_shared(self, one: str, other: str) -> Address | None:
        """The last message that the paths of two branches have in common. Raises `BranchNotFoundError`."""
        tails = await self._buckets.tails([one, other])
        cut_off = await self._removals.cut_off(tails.values())
        for name in (one, other):
            if name not in tails or name in cut_off:
                raise BranchNotFoundError(name)
        length = min(self._removals.end(tail) for tail in tails.values())
        shared = await shared_length(self._buckets, tails[one].lineage, tails[other].lineage, length)
        return (await self._path(tails[one], shared - 1, shared)).at(shared - 1) if shared else None


def _shown(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """What may be seen of a message: of a deleted one its place, who wrote it and when, and no word of it."""
    if message.get("deleted_at") is None:
        return message
    return {name: message[name] for name in TOMBSTONE if name in message}
