"""Appending: one conditional write where nobody was faster, and every message kept where somebody was.

The order of writes is what makes a crash harmless (no transaction is open in which a dead worker could leave one):

- on a branch: the push (or the new bucket) is the commit; unmarking the bucket before it is housekeeping;
- a fork: its bucket first, which nobody can find yet; then its branch document, which takes the next ordinal (a
  unique index gives each out once) and is the commit; then the ordinal in the bucket and on the parent. What a crash
  leaves out there, the next fork, append or retry at that place writes again.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from models.clock import now
from models.conversation import Conversation
from models.database import Record
from models.tree.address import MAIN, Address, keyed_branch, random_branch
from models.tree.buckets import Buckets, Tail
from models.tree.draft import Draft, TreeLimits
from models.tree.errors import (
    BranchNotFoundError,
    ContentionError,
    KeyReusedError,
    MessageNotFoundError,
)
from models.tree.figures import foretold
from models.tree.forks import Forks
from models.tree.growing import grows
from models.tree.lineage import UNNUMBERED, Lineage, Segment
from models.tree.locks import PlaceLocks
from models.tree.page import Row
from models.tree.removals import Removals

FIRST: Final = Address(MAIN, 0)
ATTEMPTS: Final = 1000
"""Rounds in which others may be faster before `ContentionError`; each lost one is somebody else's message."""


@dataclass(frozen=True, slots=True)
class Appended:
    """A stored message. `fresh` is False where an earlier try with the same key had stored it."""

    address: Address
    message: Mapping[str, Any]
    fresh: bool = True
    forked: bool = False
    number: int | None = None
    """Of the change of its conversation (`models.news`), where that came out without a reading."""

    def row(self) -> Row | None:
        """What a reader of everything finds there, if that is known without reading: it has no siblings.

        Whatever leaves after a message, leaves where another one follows it on its own branch, and that place is
        never free again. So who goes on at a branch's end is alone, until somebody answers the same message after him.
        """
        place = self.address
        if not self.fresh or self.forked or not place.depth or grows(self.message):
            return None
        return Row(place, self.message, Address(place.branch, place.depth - 1), 0, 1)


@dataclass(frozen=True, slots=True)
class _Occupied:
    """Somebody else's message follows `parent` already; `home` is the parent's branch."""

    home: Lineage
    parent: Address | None


class Appender:
    """Appends to one conversation."""

    def __init__(
        self, db: AsyncDatabase[Record], conversation: Conversation, limits: TreeLimits, locks: PlaceLocks
    ) -> None:
        self._conversation = conversation
        self._limits = limits
        self._buckets = Buckets(db, conversation.id, conversation.slot_width, limits, conversation.owner_id)
        self._removals = Removals(conversation, self._buckets)
        self._forks = Forks(db, self._buckets, locks)
        self._locks = locks
        self._receipts = db["append_receipts"]

    async def after(self, parent: Address | None, draft: Draft) -> Appended:
        """Append after `parent` (None: as a first message), on a branch of its own where something follows already."""
        draft.check(self._limits)
        await self._require_in_sight(parent)
        outcome = await self._continue(parent.next if parent else FIRST, draft)
        if not isinstance(outcome, Appended):
            outcome = await self._fork(parent, outcome.home, draft)
        if not outcome.fresh:
            await self._require_in_sight(outcome.address)
        return outcome

    async def at_end(self, branch: str, draft: Draft) -> Appended:
        """Append after the branch's last message, whichever that is when it is written.

        With a key, each attempt's place is pinned by a receipt, so that a retry goes the same way as the first try.
        """
        draft.check(self._limits)
        lock = self._locks.of(self._conversation.id, branch)
        alone = not lock.locked()
        async with lock:
            there = await self._foretold(branch, draft) if alone else None
            outcome = there or await self._at_end(branch, draft)
        if not isinstance(outcome, Appended):  # what followed was removed, and its place stays taken
            outcome = await self._fork(outcome.parent, outcome.home, draft)
        if not outcome.fresh:
            await self._require_in_sight(outcome.address)
        return outcome

    async def _foretold(self, branch: str, draft: Draft) -> Appended | None:
        """One call where nobody wrote there since the conversation was read; None where that is not so, or not known.

        Not with a key, whose place is to be pinned first; nor where subtrees are removed, which may be the end.
        """
        place = foretold(self._conversation.counted, branch)
        if place is None or self._removals or draft.idempotency_key is not None:
            return None
        message = _record(draft, place.depth)
        if await self._buckets.push(branch, message):
            return Appended(place, message)
        there = (await self._buckets.messages_at([place])).get(place)
        return Appended(place, message) if there and _is(there, message) else None

    async def _at_end(self, branch: str, draft: Draft) -> "Appended | _Occupied":
        for attempt in range(ATTEMPTS):
            place, cut = await self._end(branch)
            if draft.idempotency_key is not None:
                place = await self._pinned(place, draft, attempt)
            outcome = await self._continue(place, draft)
            if isinstance(outcome, Appended) or await self._forked_before(outcome, draft):
                return outcome
            if cut and not await self._went_on(draft, attempt):
                return outcome
        raise ContentionError

    async def _end(self, branch: str) -> tuple[Address, bool]:
        """Where the branch goes on, and whether something lies there that was removed."""
        tail = await self._buckets.tail(branch)
        if tail is None and branch == MAIN:
            return FIRST, False
        if tail is None or await self._removals.cut_off([tail]):
            raise BranchNotFoundError(branch)
        end = self._removals.end(tail)
        if end == tail.lineage.own.start and branch != MAIN:
            raise BranchNotFoundError(branch)
        return Address(branch, end), end < tail.next_depth

    async def _forked_before(self, occupied: "_Occupied", draft: Draft) -> bool:
        """Whether an earlier try forked there, because what has come back since was removed then."""
        if draft.idempotency_key is None:
            return False
        place = Address(self._keyed(occupied.parent, draft), occupied.parent.depth + 1 if occupied.parent else 0)
        return bool(await self._buckets.messages_at([place]))

    async def _require_in_sight(self, address: Address | None) -> None:
        """Raise `MessageNotFoundError` for a message that was removed; without removed subtrees it costs nothing."""
        if address is None or not self._removals:
            return
        tail = await self._buckets.tail(address.branch)
        if tail and (address.depth >= self._removals.end(tail) or await self._removals.cut_off([tail])):
            raise MessageNotFoundError(str(address))

    async def _went_on(self, draft: Draft, attempt: int) -> bool:
        """Whether an earlier try found that place taken, too, before what is there was removed, and took the next."""
        if draft.idempotency_key is None:
            return False
        return await self._receipts.find_one({"_id": self._receipt(draft, attempt + 1)}) is not None

    def _receipt(self, draft: Draft, attempt: int) -> str:
        parts = (self._conversation.id, draft.author_id, draft.idempotency_key, attempt)
        return sha256("\0".join(map(str, parts)).encode()).hexdigest()

    async def _pinned(self, place: Address, draft: Draft, attempt: int) -> Address:
        """The place that was chosen for this attempt by whoever came first."""
        digest = self._receipt(draft, attempt)
        try:
            await self._receipts.insert_one({"_id": digest, "place": str(place), "created_at": now()})
        except DuplicateKeyError:
            receipt = await self._receipts.find_one({"_id": digest})
            return Address.parse(receipt["place"]) if receipt else place
        return place

    async def _continue(self, place: Address, draft: Draft) -> Appended | _Occupied:
        """Put `draft` at `place`, the next one of its branch, unless another message is there."""
        message = _record(draft, place.depth)
        if place.depth and await self._buckets.push(place.branch, message):
            return Appended(place, message)
        for _ in range(ATTEMPTS):
            tail = await self._buckets.tail(place.branch)
            if tail is None and place != FIRST:
                raise MessageNotFoundError(str(place))
            if tail is not None and place.depth < tail.next_depth:
                return await self._occupied(place, tail, draft, message)
            if tail is not None and (place.depth > tail.next_depth or tail.cut):
                raise MessageNotFoundError(str(place))
            if await self._roll(place, tail, message):
                return Appended(place, message)
        raise ContentionError

    async def _occupied(self, place: Address, tail: Tail, draft: Draft, message: Record) -> "Appended | _Occupied":
        """What is at `place`: this very message, an earlier try of the same draft, or somebody else's message."""
        if place.depth <= tail.lineage.own.start and place != FIRST:
            raise MessageNotFoundError(str(place))
        there = (await self._buckets.messages_at([place]))[place]
        if _is(there, message):
            return Appended(place, message)
        if draft.is_retried_by(there):
            return _retried(place, there, draft)
        parent = Address(place.branch, place.depth - 1) if place.depth else None
        return _Occupied(tail.lineage, parent)

    async def _roll(self, place: Address, tail: Tail | None, message: Record) -> bool:
        """Begin the branch's next bucket, or push after all; False where somebody was faster."""
        if tail is not None and tail.open:
            return await self._buckets.push(place.branch, message)
        lineage = tail.lineage if tail else Lineage(Segment(MAIN, 0, 0))
        try:
            await self._buckets.start(place.branch, message, lineage)
        except DuplicateKeyError:
            return False
        if tail is not None:
            await self._buckets.unmark(tail)
        return True

    async def _fork(self, parent: Address | None, home: Lineage, draft: Draft) -> Appended:
        """Put `draft` on a new branch that leaves after `parent`, which lies on the branch of `home`."""
        start = parent.depth + 1 if parent else 0
        key = draft.idempotency_key
        branch = self._keyed(parent, draft) if key else random_branch()
        own = Segment(branch, start, UNNUMBERED)
        lineage = (await self._forks.numbered(home)).child(own) if parent else Lineage(own)
        address, message = Address(branch, start), _record(draft, start)
        for _ in range(ATTEMPTS):
            try:
                await self._buckets.start(branch, message, lineage)
            except DuplicateKeyError:
                there = (await self._buckets.messages_at([address])).get(address)
                if there is None:  # what an earlier try had left was swept away just now
                    continue
                if not _is(there, message) and not draft.is_retried_by(there):
                    # Two keys with one digest: as good as impossible.
                    return await self._fork(parent, home, replace(draft, idempotency_key=None))
                _same(there, draft)
                message = there
            published = await self._forks.publish(lineage)
            if published is not None:
                return Appended(address, message, fresh=published or key is None, forked=True)
        raise ContentionError

    def _keyed(self, parent: Address | None, draft: Draft) -> str:
        """The branch to which a draft with a key forks from `parent`, at each try."""
        return keyed_branch(self._conversation.id, parent, draft.author_id, draft.idempotency_key)


def _record(draft: Draft, depth: int) -> Record:
    """The message to store, recognisable: a driver sends a write again when it has lost the answer.

    MongoDB remembers which writes it has answered; the embedded server forgets it when it is killed.
    """
    return draft.record(depth) | {"nonce": secrets.randbits(31)}


def _is(there: Mapping[str, Any], message: Record) -> bool:
    """Whether `there` is `message` itself."""
    return all(there.get(name) == message[name] for name in ("nonce", "created_at"))


def _retried(address: Address, there: Mapping[str, Any], draft: Draft) -> Appended:
    _same(there, draft)
    return Appended(address, there, fresh=False)


def _same(there: Mapping[str, Any], draft: Draft) -> None:
    """Raise `KeyReusedError` unless `draft` says what `there` says (a deleted message may have said anything).

    `MessageNotFoundError` where only the rest of a purged subtree is there.
    """
    if there.get("removed"):
        raise MessageNotFoundError("")
    if there.get("deleted_at") is None and not draft.says(there):
        raise KeyReusedError
