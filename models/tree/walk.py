"""A walk through a whole tree, branch by branch, in memory that does not grow with it: what an export reads.

Branches come level by level: one after the message that it left, siblings oldest first. What removed subtrees hold is
never reached, and of a deleted message comes what `History` shows of it. Those that others add meanwhile are not met;
where a purge overtakes the walk, a branch ends early, or has no message at all.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase

from models.conversation import Conversation
from models.database import Record
from models.tree.address import MAIN, Address, slots
from models.tree.buckets import BATCH, Buckets, Tail
from models.tree.draft import TreeLimits
from models.tree.fork_queue import Fork, ForkQueue
from models.tree.history import History
from models.tree.placing import TOMBSTONE
from models.tree.removals import Removals
from models.tree.turns import Turns, in_turn

BRANCHES: Final = 200
"""Branches that are read together, where they are short."""
FIRST_READ: Final = 16
"""Messages of the first reading; the next ones are larger or smaller, by how long those messages were."""
MOST_READ: Final = 500
FEW_BYTES: Final = 512 * 1024
MANY_BYTES: Final = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Visit:
    """A message as it is shown, and what follows it: on its own branch first, then the branches that leave there."""

    address: Address
    message: Mapping[str, Any]
    parent: Address | None
    goes_on: bool
    forks: Sequence[str]

    @property
    def children(self) -> list[Address]:
        """The messages that follow it, oldest first."""
        depth = self.address.depth + 1
        own = [Address(self.address.branch, depth)] if self.goes_on else []
        return own + [Address(branch, depth) for branch in self.forks]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive messages of a branch; `first` and `last` say where in it. One that is both may be empty."""

    fork: Fork
    visits: Sequence[Visit]
    first: bool
    last: bool


@dataclass(frozen=True, slots=True)
class _Span:
    """Depths `start <= depth < stop` of a branch that ends at `end`."""

    fork: Fork
    start: int
    stop: int
    end: int

    @property
    def size(self) -> int:
        return self.stop - self.start


class Walk:
    """Through one conversation, as it was read."""

    def __init__(self, db: AsyncDatabase[Record], conversation: Conversation, limits: TreeLimits, turns: Turns) -> None:
        self._conversation = conversation
        self._branches = db["branches"]
        self._buckets = Buckets(db, conversation.id, conversation.slot_width, limits)
        self._removals = Removals(conversation, self._buckets)
        self._history = History(db, conversation, limits, turns)
        self._turns = turns
        self._size = FIRST_READ

    async def beginnings(self) -> list[Fork]:
        """`main`, which may be empty, and the alternatives to its first message."""
        roots = await self._forks({"parent_branch": None, "fork_depth": 0})
        found = roots.get(Address(MAIN, -1), [])
        gone = {*self._conversation.root_gone, *self._removals.gone(None)}
        main = next(
            (each for each in found if each.ordinal == 0), Fork(MAIN, None, 0, 0, self._conversation.started_at)
        )
        return [main, *_numbered(found, gone)]

    async def stretches(self, beginnings: Iterable[Fork]) -> AsyncIterator[Stretch]:
        """All messages of the branches that begin there, and of all that leave those."""
        with ForkQueue() as queue:
            queue.push(beginnings)
            while forks := queue.pop(BRANCHES):
                async for some, leaving in self._level(forks):
                    queue.push(leaving)
                    for stretch in some:
                        yield stretch

    async def _level(self, forks: Sequence[Fork]) -> AsyncIterator[tuple[list[Stretch], list[Fork]]]:
        """What these branches hold, and the branches that leave them."""
        tails = await self._tails([fork.branch for fork in forks])
        short: list[_Span] = []
        for fork in forks:
            end = self._end(fork, tails.get(fork.branch))
            if end - fork.start > self._size:
                async for read in self._long(fork, end):
                    yield read
                continue
            short.append(_Span(fork, fork.start, end, end))
            if sum(span.size for span in short) >= self._size:
                yield await self._read(short)
                short = []
        if short:
            yield await self._read(short)

    async def _long(self, fork: Fork, end: int) -> AsyncIterator[tuple[list[Stretch], list[Fork]]]:
        start = fork.start
        while start < end:
            stop = min(start + self._size, end)
            stretches, leaving = await self._read([_Span(fork, start, stop, end)])
            yield stretches, leaving
            if stretches[0].last:
                return
            start = stop

    def _end(self, fork: Fork, tail: Tail | None) -> int:
        return fork.start if tail is None else max(self._removals.end(tail), fork.start)

    async def _read(self, spans: Sequence[_Span]) -> tuple[list[Stretch], list[Fork]]:
        found, forks = await self._found(spans)
        self._adapt(found.values())
        known = await self._known(found.values())
        leaving: list[Fork] = []
        stretches: list[Stretch] = []
        for span in spans:
            visits = [self._visit(span, depth, found, forks, known, leaving) for depth in _whole(span, found)]
            ended = len(visits) < span.size or span.stop == span.end
            stretches.append(Stretch(span.fork, visits, span.start == span.fork.start, ended))
        return stretches, leaving

    def _visit(
        self,
        span: _Span,
        depth: int,
        found: Mapping[Address, Record],
        forks: Mapping[Address, list[Fork]],
        known: Collection[str],
        leaving: list[Fork],
    ) -> Visit:
        fork, address = span.fork, Address(span.fork.branch, depth)
        message = found[address]
        numbered: list[Fork] = []
        if address in forks:
            numbered = _numbered(forks[address], {*message.get("gone", ()), *self._removals.gone(address)})
            leaving += numbered
        parent = fork.after if depth == fork.start else Address(fork.branch, depth - 1)
        goes_on = depth + 1 < span.end and address.next in found
        return Visit(address, _shown(message, known), parent, goes_on, [each.branch for each in numbered])

    @in_turn
    async def _tails(self, names: Sequence[str]) -> dict[str, Tail]:
        return await self._buckets.tails(names)

    @in_turn
    async def _found(self, spans: Sequence[_Span]) -> tuple[dict[Address, Record], dict[Address, list[Fork]]]:
        """The messages, each with the next one, and what leaves after them: looked for later, so that it is no less."""
        spans = [span for span in spans if span.size]
        if not spans:
            return {}, {}
        width = self._buckets.width
        wanted = [name for each in spans for name in slots(each.fork.branch, each.start, each.stop + 1, width)]
        start, stop = min(each.start for each in spans), max(each.stop for each in spans) + 1
        stored = await self._buckets.messages(wanted, start, stop)
        found = {address: message for address, message in stored.items() if not message.get("removed")}
        if len(spans) == 1:
            depths = {"$gte": spans[0].start + 1, "$lt": spans[0].stop + 1}
            return found, await self._forks({"parent_branch": spans[0].fork.branch, "fork_depth": depths})
        return found, await self._forks({"parent_branch": {"$in": [span.fork.branch for span in spans]}})

    async def _forks(self, query: Mapping[str, Any]) -> dict[Address, list[Fork]]:
        """Branches, by the message that they leave after."""
        fields = {"branch": 1, "parent_branch": 1, "fork_depth": 1, "ordinal": 1, "created_at": 1}
        within = {"conversation_id": self._buckets.conversation_id, **query}
        found: dict[Address, list[Fork]] = {}
        async for each in self._branches.find(within, fields, batch_size=BATCH):
            fork = Fork.of(each)
            found.setdefault(fork.after or Address(MAIN, -1), []).append(fork)
        return found

    async def _known(self, messages: Iterable[Record]) -> set[str]:
        """Those of the addresses that messages were edited from which are in sight."""
        named = {Address.parse(each["edited_from"]) for each in messages if each.get("edited_from")}
        return {str(address) for address in await self._history.rows(named)} if named else set()

    def _adapt(self, messages: Iterable[Record]) -> None:
        """Read more the next time, or less."""
        size = sum(len(each.get("content") or "") for each in messages)
        if size > MANY_BYTES:
            self._size = max(self._size // 2, 1)
        elif size < FEW_BYTES:
            self._size = min(self._size * 2, MOST_READ)


def _whole(span: _Span, found: Mapping[Address, Record]) -> Iterable[int]:
    """Its depths, up to the first that is not there any more."""
    for depth in range(span.start, span.stop):
        if Address(span.fork.branch, depth) not in found:
            return
        yield depth


def _numbered(forks: Iterable[Fork], gone: Collection[int]) -> list[Fork]:
    """Those that are not gone, in order, and with numbers without gaps from 1 on."""
    there = sorted((each for each in forks if each.ordinal and each.ordinal not in gone), key=lambda each: each.ordinal)
    return [each.numbered(number) for number, each in enumerate(there, 1)]


def _shown(message: Record, known: Collection[str]) -> Mapping[str, Any]:
    """What `History` shows of it, without the address of what nobody sees any more."""
    hidden = {"edited_from"} if "edited_from" in message and message["edited_from"] not in known else set()
    if message.get("deleted_at") is not None:
        hidden |= message.keys() - set(TOMBSTONE)
    if not hidden:
        return message
    return {name: value for name, value in message.items() if name not in hidden}
