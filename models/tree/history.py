"""Reading: pages of a branch's path, messages by address, siblings, branches. Three database calls at most a page."""

from collections.abc import Collection, Hashable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.conversation import Conversation
from models.database import Record
from models.tree.address import MAIN, Address
from models.tree.buckets import BATCH, Buckets, Ending, Tail
from models.tree.comparison import shared_length
from models.tree.draft import TreeLimits
from models.tree.ends import SHARED, Ends, Guess, Place, ended, place_of
from models.tree.errors import BranchNotFoundError
from models.tree.growing import grows
from models.tree.growth import STORED, Texts
from models.tree.lineage import ENDLESS, Lineage, resolve
from models.tree.listing import Listed, list_branches, list_named
from models.tree.meter import Meter, size_of
from models.tree.page import BranchEnd, CursorError, Page, Path, Row, Window
from models.tree.placing import Placing
from models.tree.removals import Removals
from models.tree.sight import Sight
from models.tree.slices import Slice, Slices
from models.tree.turns import Turns, in_turn

PAGES: Final = 1
"""Of the same messages that are kept, whichever window was asked for: what is kept is weighed by messages."""


class _End(NamedTuple):
    """Of a branch, if there is one, and what was read with it."""

    tail: Tail | None
    guess: Guess | None = None
    """What was read: nothing, or all of this."""
    messages: Mapping[Address, Record] = MappingProxyType({})
    pages: dict[Hashable, Page] | None = None
    """Those that are known of just these messages; None where they aren't kept."""


class History:
    """Reads one conversation. Readings take `turns`, of which a worker has few.

    What lies out of `sight`, for a reader who has one, doesn't exist.
    """

    def __init__(
        self,
        db: AsyncDatabase[Record],
        conversation: Conversation,
        limits: TreeLimits,
        turns: Turns,
        sight: Sight | None = None,
        texts: Texts = STORED,
        meter: Meter | None = None,
        ends: Ends | None = None,
        slices: Slices | None = None,
    ) -> None:
        self._conversation = conversation
        self._slices = slices
        self._ends = ends
        self._texts = texts
        self._sight = sight
        self._meter = meter or Meter(None)
        self._turns: Final[AbstractAsyncContextManager[Any]] = self._meter.within(turns)
        self._db = db
        self._buckets = Buckets(db, conversation.id, conversation.slot_width, limits, meter=self._meter)
        self._removals = Removals(conversation, self._buckets)
        self._placing = Placing(conversation, self._removals, sight)

    @in_turn
    async def page(self, branch: str, window: Window) -> Page:
        """A page of the path from the root to the end of `branch`.

        Raises `BranchNotFoundError` and `CursorError`.
        """
        end = await self._end_of(branch, window)
        asked = window, self._conversation.root_forks, tuple(self._conversation.root_gone)
        known = end.pages.get(asked) if end.pages is not None else None
        if known is not None:
            self._meter.add(known.size)
            return known
        page = await self._page(branch, window, end)
        if end.pages is not None and page.size and not any(grows(row.message) for row in page.rows):
            if len(end.pages) >= PAGES:
                end.pages.clear()
            page = end.pages[asked] = replace(page, derived={})
        return page

    async def _page(self, branch: str, window: Window, end: "_End") -> Page:
        tail, guess, found, _ = end
        if tail is None or (length := self._end(tail)) == tail.lineage.own.start:
            return self._empty(branch, window)
        if any(cursor.depth >= length for cursor in (window.after, window.before) if cursor):
            raise CursorError("the cursor belongs to another branch")
        span = window.span(length)
        # One message more at either side: its fork count belongs to the first row, its address proves a cursor.
        start, stop = max(span.start - 1, 0), min(span.stop + 1, length)
        path = await self._path(tail, start, stop)
        path.check(window.after, window.before)
        wanted, size = path.slots(self._buckets.width), 0
        if guess and guess.holds(wanted, start, stop):
            size = size_of(each for address, each in found.items() if start <= address.depth < stop)
            self._meter.add(size)
        else:
            found = await self._buckets.messages(wanted, start, stop)
        found = await self._up_to_date(found)
        return Page(self._placing.along(path, span, found), span, length, size)

    async def _end_of(self, branch: str, window: Window) -> "_End":
        """Where the branch ends. By a good guess with what was guessed to be the page; it is looked at before use."""
        if not self._known([branch]):
            return _End(None)
        # Else what is out of his sight, or removed, would show in how long a page takes.
        ends = self._ends if self._placing.whole else None
        guess = ends.guess(self._conversation, branch, window) if ends else None
        if guess and ends and (ending := await self._guessed(branch, guess, ends)):
            return _End(ending.tail, guess, ending.messages, ending.pages)
        tail = await self._buckets.tail(branch)
        if ends:
            ends.note(self._conversation.id, branch, tail)
        return _End(tail)

    async def _guessed(self, branch: str, guess: Guess, ends: Ends) -> Ending | None:
        """The end of the branch where the guess has it, with what the guess names."""
        place = guess.place
        ending = await self._shared(branch, guess, place) if place else None
        if ending is None:
            ending = await self._buckets.messages_with_tail(branch, guess.slots, guess.start, guess.stop)
            place = place_of(self._conversation.id, guess, ending) if ending else None
        if ending is not None:
            ends.note(self._conversation.id, branch, ending.tail, place if ending.size <= SHARED else None)
        return ending

    async def _shared(self, branch: str, guess: Guess, place: Place) -> Ending | None:
        """The same, read with others' pages in one call; None where these buckets don't tell."""
        if self._slices is None:
            return None
        id_ = self._conversation.id
        wanted = [Slice(id_, each, guess.start, guess.stop) for each in place.wanted]
        return ended(branch, (await self._slices.get(wanted)).values(), place, id_)

    async def _path(self, tail: Tail, start: int, stop: int) -> Path:
        """The path's depths `start <= depth < stop`. Raises `BranchNotFoundError` where it was removed further up."""
        spans = [range(start, stop), *self._removals.above(tail.lineage)]
        segments = await resolve(tail.lineage, spans, self._buckets.lineages)
        if self._removals.first(segments, tail.lineage.own.start):
            raise BranchNotFoundError(tail.branch)
        return Path(segments, start, stop)

    def _empty(self, branch: str, window: Window) -> Page:
        if branch != MAIN or not self._known([branch]):
            raise BranchNotFoundError(branch)
        if window.after or window.before:
            raise CursorError("the conversation has no messages yet")
        return Page([], range(0), 0)

    @in_turn
    async def rows(
        self, addresses: Collection[Address], read: Mapping[Address, Record] | None = None
    ) -> dict[Address, Row]:
        """Messages by address; those that don't exist are left out. Two calls, three where one begins a branch.

        One less where the messages, and those before them on their branches, were `read` already.
        """
        wanted = await self._standing(self._in_sight(addresses))
        around = wanted | {Address(a.branch, a.depth - 1) for a in wanted if a.depth}
        found = await self._buckets.messages_at(around) if read is None else {a: read[a] for a in around if a in read}
        wanted = _there(wanted, found)
        begins = _begun(wanted, found)
        lineages = await self._buckets.first_lineages(begins) if begins else {}
        parents = [lineage.parent for lineage in lineages.values() if lineage.parent]
        found |= await self._buckets.messages_at(parents) if parents else {}
        return self._each(wanted, await self._up_to_date(found), begins, lineages)

    def rows_of(
        self, addresses: Collection[Address], read: Mapping[Address, Record], lineages: Mapping[str, Lineage]
    ) -> dict[Address, Row] | None:
        """The same without a call; None where it takes one, as a message grows, or one is removed.

        `lineages` has those of branches that begin with one of them.
        """
        if self._removals or any(map(grows, read.values())):
            return None
        wanted = _there(self._in_sight(addresses), read)
        return self._each(wanted, read, _begun(wanted, read), lineages)

    def begins(self, addresses: Collection[Address], read: Mapping[Address, Record]) -> dict[str, int]:
        """The branches that begin with one of them, and at which depth."""
        return _begun(_there(self._in_sight(addresses), read), read)

    def _each(
        self,
        wanted: Iterable[Address],
        read: Mapping[Address, Record],
        begins: Mapping[str, int],
        lineages: Mapping[str, Lineage],
    ) -> dict[Address, Row]:
        rows: dict[Address, Row] = {}
        for address in wanted:
            lineage = lineages.get(address.branch) if begins.get(address.branch) == address.depth else None
            rows[address] = self._placing.alone(address, lineage, read)
        return rows

    def _in_sight(self, addresses: Collection[Address]) -> set[Address]:
        return {each for each in addresses if self._sight is None or self._sight.sees(each)}

    async def _up_to_date(self, found: Mapping[Address, Record]) -> Mapping[Address, Record]:
        """The same, where messages that grow say what they say by now; where none grows it costs nothing."""
        growing = [address for address, message in found.items() if grows(message)]
        if not growing:
            return found
        grown: dict[Address, Record] = {}
        for address, text in (await self._texts.texts(self._conversation.id, growing)).items():
            self._meter.add(len(text))
            grown[address] = {**found[address], "content": text}
        return {**found, **grown}

    async def _standing(self, addresses: set[Address]) -> set[Address]:
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
        if self._sight is not None:
            return [place for number, place in self._sight.children(parent) if number not in gone][:limit]
        query = {
            "conversation_id": self._conversation.id,
            "parent_branch": parent.branch if parent else None,
            "fork_depth": depth,
            "ordinal": {"$gte": 1, "$lt": limit + len(gone)},
        }
        found = self._db["branches"].find(query, {"branch": 1, "ordinal": 1}, batch_size=BATCH)
        names = {fork["ordinal"]: fork["branch"] async for fork in found} | {0: parent.branch if parent else MAIN}
        return [Address(names[ordinal], depth) for ordinal in sorted(names.keys() - set(gone))][:limit]

    @in_turn
    async def ends(self, branches: Collection[str]) -> dict[str, BranchEnd]:
        """Where branches left and end; one without messages, or of which all are removed, is left out.

        One call, and where subtrees are removed below many forks another one for each such branch.
        """
        tails = await self._buckets.tails(self._known(branches))
        cut_off = await self._removals.cut_off(tails.values())
        ends = {name: self._end(tail) for name, tail in tails.items() if name not in cut_off}
        return {
            name: BranchEnd(name, own.parent, Address(name, own.own.start), Address(name, end - 1))
            for name, end in ends.items()
            if end > (own := tails[name].lineage).own.start
        }

    @in_turn
    async def refuge(self, branch: str) -> str:
        """`branch`, or where its reader is left where it was removed: on the branch that it left, or `main`.

        Where he doesn't see it, on one of those that he does.
        """
        if self._sight is None:
            return await self._refuge(branch)
        for name in self._known([branch, *self._sight.shared]):
            if self._known([refuge := await self._refuge(name)]):
                return refuge
        return MAIN

    async def _refuge(self, branch: str) -> str:
        while branch != MAIN:
            tail = await self._buckets.tail(branch)
            if tail is None:
                return MAIN
            cut = (await self._removals.cut_off([tail])).get(branch)
            if cut is None and self._end(tail) > tail.lineage.own.start:
                return branch
            parent = tail.lineage.parent
            branch = cut.branch if cut else parent.branch if parent else MAIN
        return branch

    @in_turn
    async def created(self, branches: Collection[str]) -> dict[str, datetime]:
        """When branches were made."""
        query = {"conversation_id": self._conversation.id, "branch": {"$in": self._known(branches)}}
        found = self._db["branches"].find(query, {"branch": 1, "created_at": 1})
        return {branch["branch"]: branch["created_at"] async for branch in found}

    @in_turn
    async def branches(self, after: PydanticObjectId | None, size: int) -> list[Listed]:
        """`size` branches, oldest first, after the place `after`; removed ones, too, which `ends` leaves out."""
        if self._sight is not None:
            return await list_named(self._db, self._conversation.id, self._sight.branches, after, size)
        return await list_branches(self._db, self._conversation.id, after, size)

    @in_turn
    async def last_shared(self, one: str, other: str) -> Address | None:
        """The last message that the paths of two branches have in common. Raises `BranchNotFoundError`."""
        tails = await self._buckets.tails(self._known([one, other]))
        cut_off = await self._removals.cut_off(tails.values())
        for name in (one, other):
            if name not in tails or name in cut_off:
                raise BranchNotFoundError(name)
        length = min(self._end(tail) for tail in tails.values())
        shared = await shared_length(self._buckets, tails[one].lineage, tails[other].lineage, length)
        return (await self._path(tails[one], shared - 1, shared)).at(shared - 1) if shared else None

    def _known(self, branches: Collection[str]) -> list[str]:
        """Those of which the reader sees something."""
        return [name for name in branches if self._sight is None or self._sight.stop(name)]

    def _end(self, tail: Tail) -> int:
        """The depth at which the branch ends for the reader."""
        return min(self._removals.end(tail), self._sight.stop(tail.branch) if self._sight else ENDLESS)


def _there(addresses: set[Address], found: Mapping[Address, Record]) -> set[Address]:
    return {address for address in addresses & found.keys() if not found[address].get("removed")}


def _begun(addresses: set[Address], found: Mapping[Address, Record]) -> dict[str, int]:
    """The branches that begin with one of the messages, and at which depth."""
    return {a.branch: a.depth for a in addresses if Address(a.branch, a.depth - 1) not in found and a.branch != MAIN}
