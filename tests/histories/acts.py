"""What is done to one conversation, by whoever may die over it, and what the model learns from how it came out."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from models.bucket import MessageRole, Metadata
from models.clock import now
from models.database import Record
from models.tree import Address, Draft
from models.tree.errors import BranchNotFoundError, MessageNotFoundError, PurgedError, TreeError
from tests.histories.model import Chat, Said, place, stored
from tests.histories.worker import Worker, read

GONE = (MessageNotFoundError, BranchNotFoundError)


@dataclass(eq=False)
class Act:
    """Begun in the round `began`. `touched`: whose sight it changes; `disturbed`: whose others change meanwhile."""

    chat: Chat
    began: int
    disturbed: set[Said] = field(default_factory=set)
    tries: int = 0
    alone: bool = True
    """Nobody else wrote in its conversation meanwhile."""
    writes: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"{type(self).__name__} {[str(each.address) for each in self.touched]} in {str(self.chat.id)[-4:]}"

    @property
    def touched(self) -> set[Said]:
        return set()

    async def run(self, worker: Worker) -> Any:
        """Do it. What is done twice is done once."""
        raise NotImplementedError

    async def settle(self, db: Any, outcome: Any, ended: int) -> Any:
        """Take what `run` returned, or the `TreeError` that it raised; what came of it that others may use."""
        raise NotImplementedError

    def possible(self, said: Said | None) -> set[bool]:
        """Whether it may have been in sight, and whether not."""
        if said is None:
            return {True}
        return {True, False} if self.disturbed & set(said.path) else {said.seen}


@dataclass(eq=False)
class Append(Act):
    """After `parent`, or at the end of `branch`."""

    parent: Said | None = None
    branch: str | None = None
    draft: Draft = field(kw_only=True)

    def __post_init__(self) -> None:
        self.chat.sent[self.draft.idempotency_key or ""] = self

    def __str__(self) -> str:
        where = self.branch or (self.parent and str(self.parent.address))
        return f"Append {self.draft.content[:12]} after {where} in {str(self.chat.id)[-4:]}"

    async def run(self, worker: Worker) -> Address:
        conversation = await read(worker.db, self.chat.id)
        if self.branch is not None:
            return (await worker.tree.append_at_end(conversation, self.branch, self.draft)).address
        after = self.parent.address if self.parent else None
        return (await worker.tree.append(conversation, after, self.draft)).address

    async def settle(self, db: Any, outcome: Any, ended: int) -> None:
        branches = await db.branches.find({"conversation_id": self.chat.id}).to_list()
        if isinstance(outcome, TreeError):
            assert isinstance(outcome, GONE)
            outcome = await self._left(db, branches)
            if outcome:
                self.chat.raced.append(f"given up {outcome}")
            if self.branch is None:
                assert outcome or False in self.possible(self.parent)
            if outcome is None:
                return
        else:
            assert self.branch is not None or True in self.possible(self.parent)
        buckets = await db.buckets.find({"conversation_id": self.chat.id}).to_list()
        said = self.know(outcome, branches, dict(stored(buckets)), ended)
        if self.disturbed & set(said.path):
            self.chat.raced.append(f"append {outcome}")

    def know(self, address: Address, branches: list[Record], there: dict[Address, Any], ended: int) -> Said:
        """Add it to the model; and what it follows, if whoever sent that died, and doesn't know yet."""
        if (known := self.chat.said.get(address)) and known.draft is self.draft:
            known.ended = ended
            return known
        where = place(branches, address)
        assert self.branch is not None or where.parent == (self.parent.address if self.parent else None)
        parent = self.chat.said.get(where.parent) if where.parent else None
        if where.parent and parent is None:
            parent = self.chat.sent[there[where.parent]["idempotency_key"]].know(where.parent, branches, there, ended)
        tokens = (self.draft.metadata and self.draft.metadata.tokens_used) or 0
        said = Said(self.draft.content, tokens, parent, address, where.ordinal, self.began, ended)
        said.edited_from, said.draft = self.draft.edited_from, self.draft
        return self.chat.add(said)

    async def _left(self, db: Any, branches: list[Record]) -> Address | None:
        """Where a try that died, and that its sender gave up when its place was removed, has left it."""
        buckets = await db.buckets.find({"conversation_id": self.chat.id}).to_list()
        names = {each["branch"] for each in branches}
        key = self.draft.idempotency_key
        left = [at for at, said in stored(buckets) if said.get("idempotency_key") == key and not said.get("removed")]
        return next((each for each in left if each.branch in names), None)


def said_by(number: int, words: str, tokens: int, edited_from: str | None = None) -> Draft:
    """The message of that number."""
    role = MessageRole.ASSISTANT if tokens else MessageRole.USER
    metadata = Metadata(llm_model=f"m{tokens % 2}", tokens_used=tokens) if tokens else None
    return Draft(role, f"c{number} {words}", metadata=metadata, edited_from=edited_from, idempotency_key=f"k{number}")


@dataclass(eq=False)
class Change(Act):
    """Of one message's sight."""

    said: Said = field(kw_only=True)

    @property
    def touched(self) -> set[Said]:
        return {self.said}

    async def there(self, db: Any) -> dict[str, Any]:
        """The message as it is stored; empty if it isn't."""
        buckets = await db.buckets.find({"conversation_id": self.chat.id}).to_list()
        return dict(stored(buckets)).get(self.said.address, {})


class Delete(Change):
    """Leaves a tombstone."""

    async def run(self, worker: Worker) -> None:
        await worker.tree.delete(await read(worker.db, self.chat.id), self.said.address, None)

    async def settle(self, db: Any, outcome: Any, ended: int) -> None:
        assert (not isinstance(outcome, TreeError)) in self.possible(self.said)
        if isinstance(outcome, TreeError):
            assert isinstance(outcome, MessageNotFoundError)
            if (await self.there(db)).get("deleted_at") is None:  # an earlier try may have died over it
                return
        if not self.said.tombstone:
            self.said.tombstone, self.said.deleted, self.said.final = True, (self.began, ended), False


class Remove(Change):
    """Takes it away with all below it."""

    async def run(self, worker: Worker) -> None:
        await worker.tree.remove(await read(worker.db, self.chat.id), self.said.address, None)

    async def settle(self, db: Any, outcome: Any, ended: int) -> None:
        assert (not isinstance(outcome, TreeError)) in self.possible(self.said)
        if isinstance(outcome, TreeError):
            assert isinstance(outcome, MessageNotFoundError)
            return
        if self.disturbed & set(self.said.path):
            self.chat.raced.append(f"remove {self.said.address}")
        self.said.removed, self.said.deleted, self.said.final = True, (self.began, ended), False


class Restore(Change):
    """Brings a removed subtree back, or else a deleted message."""

    async def run(self, worker: Worker) -> None:
        await worker.tree.restore(await read(worker.db, self.chat.id), self.said.address)

    async def settle(self, db: Any, outcome: Any, ended: int) -> None:
        said = self.said
        above = self.possible(said.parent)
        if isinstance(outcome, TreeError):
            assert isinstance(outcome, (*GONE, PurgedError))
            assert False in above or said.final is not False
            if isinstance(outcome, PurgedError):
                said.final = True
            if self.tries == 1 or not await self._is_back(db):
                return
        else:
            assert True in above
            assert said.final is not True
            if self.disturbed & set(self.said.path):
                self.chat.raced.append(f"restore {self.said.address}")
        said.tombstone = said.removed = said.final = False

    async def _is_back(self, db: Any) -> bool:
        """Whether an earlier try did it before what lies above was removed."""
        message = await self.there(db)
        marks = [each.at for each in (await read(db, self.chat.id)).removed]
        gone = message.get("removed") or message.get("deleted_at") or str(self.said.address) in marks
        return bool(message) and not gone


@dataclass(eq=False)
class Purge(Act):
    """Makes final, everywhere, what was deleted before a round."""

    before: datetime = field(default_factory=now)
    round: int = 0
    chats: list[Chat] = field(default_factory=list)
    taken: list[Said] = field(default_factory=list)

    def mark(self) -> None:
        """From now on nobody knows what of that is final, until it is over."""
        for said in [said for chat in self.chats for said in chat.said.values() if said.removed or said.tombstone]:
            if said.final is False and said.deleted[0] <= self.round:
                said.final = None
                self.taken += [said] if said.deleted[1] < self.round else []

    async def run(self, worker: Worker) -> None:
        await worker.tree.purge(self.before)

    async def settle(self, db: Any, outcome: Any, ended: int) -> None:
        assert not isinstance(outcome, TreeError)
        for said in self.taken:
            deleted = (said.removed or said.tombstone) and said.deleted[1] < self.round
            if deleted and said not in self.disturbed:  # who restores it meanwhile comes in time, or doesn't
                said.final = True
