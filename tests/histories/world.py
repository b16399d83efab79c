"""Several writers at once, round by round. Some die; what they were about is tried again, at once or rounds later."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.tree import MAIN, CursorError, TreeLimits
from models.tree.errors import TreeError
from tests.histories.acts import Act, Append, Delete, Purge, Remove, Restore, said_by
from tests.histories.copies import Behind, Copy, Export, File, Import
from tests.histories.model import Chat, Said
from tests.histories.reading import WORDS, compare
from tests.histories.worker import Worker
from tests.models.backup.stored import later
from tests.models.tree.conftest import started
from tests.models.tree.faults import Crash

MOST_CHATS: Final = 5
DIES: Final = 0.35
"""How many of those who do something die over it."""
GIVES_UP_FOR_NOW: Final = 0.4
KINDS: Final = (
    *("append",) * 10,
    *("delete", "remove", "remove", "restore", "restore", "purge"),
    *("copy", "export", "import", "behind"),
)


@dataclass
class World:
    """What is stored, in `db`, and what should be."""

    db: AsyncDatabase[Record]
    limits: TreeLimits
    random: Random
    directory: Path
    chats: list[Chat] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    flying: list[Act] = field(default_factory=list)
    """Acts that died, and are to be tried again."""
    times: list[datetime] = field(default_factory=list)
    """When the rounds began."""
    numbers: "count[int]" = field(default_factory=count)
    told: list[str] = field(default_factory=list)
    """What happened, for whoever repeats it."""
    done: int = 0
    deaths: int = 0

    def __post_init__(self) -> None:
        self.workers = [Worker(self.db, self.limits) for _ in range(2)]

    async def begin(self) -> None:
        """One conversation to begin with."""
        conversation = await started(self.workers[0].tree, self.limits.bucket_messages)
        self.chats.append(Chat(conversation.id, conversation.owner_id))

    async def round(self) -> None:
        """Several things at once, old ones and new ones."""
        self.times.append(later())
        again = [act for act in self.flying if self.random.random() > GIVES_UP_FOR_NOW]
        new: list[Act] = []
        for _ in range(self.random.randint(1, 4)):
            act = self._drawn([*self.flying, *new])
            new += [act] if act else []
        self.flying += new
        for act in new:
            if isinstance(act, Purge):
                self._prepare(act)
        self._disturb()
        await self._run([*again, *new])

    async def finish(self) -> None:
        """Whatever died is tried until it is done."""
        while self.flying:
            self._disturb()
            await self._run(list(self.flying))

    async def check(self, db: AsyncDatabase[Record] | None = None) -> None:
        """With nothing in the air, and after what servers do by themselves."""
        await self.finish()
        target = self.db if db is None else db
        tree = Worker(target, self.limits).tree
        # What workers do by themselves, a while after somebody has died: here nobody is at work.
        await tree.sweep(later() + timedelta(days=1))
        await tree.purge_due()
        await compare(target, self.limits, self.chats, self.random)

    def _disturb(self) -> None:
        for act in self.flying:
            for other in self.flying:
                if other is not act:
                    act.disturbed |= other.touched
                    act.alone &= not (other.writes and (other.chat is act.chat or isinstance(other, Purge)))

    async def _run(self, acts: list[Act]) -> None:
        if not acts:
            return
        tries = [asyncio.create_task(self._try(act)) for act in acts]
        await asyncio.wait(tries)
        outcomes = [each.result() for each in tries]
        for act, outcome in zip(acts, outcomes, strict=True):
            if outcome is Crash:
                continue
            self.flying.remove(act)
            self.done += 1
            self.told.append(f"{len(self.times)}: {act}, begun in {act.began}, {act.tries} tries: {outcome!r:.80}")
            made = await act.settle(self.db, outcome, len(self.times))
            if isinstance(made, File):
                self.files.append(made)
            if isinstance(made, Chat):
                self.chats.append(made)
            elif isinstance(act, Import):
                await self.db.conversations.delete_one({"owner_id": act.by.id})

    async def _try(self, act: Act) -> Any:
        act.tries += 1
        worker = self.random.choice(self.workers)
        if act.tries < 3 and self.random.random() < DIES:
            worker = Worker(self.db, self.limits, self.random.randint(1, 8))
        try:
            return await act.run(worker)
        except (TreeError, CursorError) as error:
            return error
        except Crash:
            self.deaths += 1
            return None if isinstance(act, Behind) else Crash

    def _drawn(self, others: list[Act]) -> Act | None:
        kind = self.random.choice(KINDS)
        chat = self.random.choice(self.chats)
        make: Callable[[Chat], Act | None] = getattr(self, f"_{kind}")
        act = make(chat)
        taken = {said for other in others for said in other.touched}
        return None if act is None or act.touched & taken else act

    def _append(self, chat: Chat) -> Act:
        number, words = next(self.numbers), self.random.choice(WORDS)
        words += " x" * self.random.choice((0, 0, 350))
        tokens = self.random.choice((0, self.random.randint(1, 2**20)))
        if self.random.random() < 0.3:
            branch = self.random.choice([MAIN, *chat.branches])
            return Append(chat, len(self.times), branch=branch, draft=said_by(number, words, tokens))
        said = [*chat.said.values()]
        parent = self.random.choice([None, *said, *said[-2:] * 3])
        edited = None
        if parent and parent.children and self.random.random() < 0.5:
            edited = str(self.random.choice(parent.children).address)
        return Append(chat, len(self.times), parent=parent, draft=said_by(number, words, tokens, edited))

    def _some(self, said: list[Said]) -> Said | None:
        return self.random.choice(said) if said else None

    def _delete(self, chat: Chat) -> Act | None:
        said = self._some([each for each in chat.said.values() if not each.removed and not each.tombstone])
        return Delete(chat, len(self.times), said=said) if said else None

    def _remove(self, chat: Chat) -> Act | None:
        said = self._some([each for each in chat.said.values() if not each.removed and not each.tombstone])
        return Remove(chat, len(self.times), said=said) if said else None

    def _restore(self, chat: Chat) -> Act | None:
        said = self._some([each for each in chat.said.values() if each.removed or each.tombstone])
        return Restore(chat, len(self.times), said=said) if said else None

    def _purge(self, chat: Chat) -> Act:
        return Purge(chat, len(self.times), chats=list(self.chats))

    def _prepare(self, purge: Purge) -> None:
        """Nobody is at work on what is purged: that was deleted long ago."""
        purge.round = min([each.began for each in self.flying])
        purge.before = self.times[purge.round - 1] if purge.round else self.times[0]
        purge.mark()

    def _copy(self, chat: Chat) -> Act | None:
        said = self._some(list(chat.said.values())) if len(self.chats) < MOST_CHATS else None
        return Copy(chat, len(self.times), until=said) if said else None

    def _export(self, chat: Chat) -> Act:
        return Export(chat, len(self.times))

    def _import(self, chat: Chat) -> Act | None:
        file = self.files.pop() if self.files and len(self.chats) < MOST_CHATS else None
        path = self.directory / f"{next(self.numbers)}.ndjson"
        return Import(chat, len(self.times), file=file, path=path) if file else None

    def _behind(self, chat: Chat) -> Act:
        return Behind(chat, len(self.times), what=self.random.choice(("take", "merge", "forget", "roll up")))
