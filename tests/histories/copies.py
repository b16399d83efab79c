"""Copies, exports and imports: new conversations for the model. And the work that goes on behind them."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import orjson
from beanie import PydanticObjectId

from models.clock import now
from models.conversation import Conversation
from models.search.indexer import Indexer
from models.transfer.exporting import Tally, Trees, View
from models.transfer.parley.importing import import_parley
from models.transfer.parley.writing import ParleyWriting
from models.tree import MAIN, Address, CursorError, TreeLimits
from models.tree.errors import TreeError, UnderWayError
from models.tree.turns import Turns
from models.usage.rollup import Rollup
from models.user import User
from tests.histories.acts import GONE, Act
from tests.histories.model import Chat, Said
from tests.histories.worker import Worker, read
from tests.models.transfer.parley.trees import AT, nameless
from tests.models.tree.model import walk


@dataclass(eq=False)
class Copy(Act):
    """Of a path, as far as `until`, into a conversation of its own."""

    until: Said = field(kw_only=True)
    id: PydanticObjectId = field(default_factory=PydanticObjectId)
    writes: ClassVar[bool] = False

    async def run(self, worker: Worker) -> None:
        at = now()
        width = worker.limits.bucket_messages
        target = Conversation(
            id=self.id, owner_id=self.chat.owner_id, started_at=at, updated_at=at, slot_width=width
        )  # fmt: skip
        branch = self.until.address.branch
        await worker.tree.copy(await read(worker.db, self.chat.id), branch, self.until.address, target, metadata=True)

    async def settle(self, db: Any, outcome: Any, ended: int) -> "Chat | None":
        expected = self.until.path
        if isinstance(outcome, UnderWayError):
            # Its source was another one when a first try, who died, began to store the copy.
            assert self.tries > 1
            assert self.disturbed & set(expected)
            assert not await db.conversations.find_one({"_id": self.id})
            return None
        if isinstance(outcome, (TreeError, CursorError)):
            assert isinstance(outcome, (*GONE, CursorError))
            assert False in self.possible(self.until)
            if not await db.conversations.find_one({"_id": self.id}):
                return None
            assert self.tries > 1, "it was refused, and copied"  # an earlier try died after its last write
        assert True in self.possible(self.until)
        history = Worker(db, TreeLimits()).tree.history(await read(db, self.id))
        rows = await walk(history, MAIN, 7)
        assert len(rows) == len(expected) or self.disturbed & set(expected)
        copy, parent = Chat(self.id, self.chat.owner_id), None
        for depth, (row, said) in enumerate(zip(rows, expected, strict=False)):
            text = row.message.get("content")
            shown = said.text if said in self.disturbed else said.shown
            assert text == shown or (text is None and said in self.disturbed)
            gone = text is None
            tokens = 0 if gone else said.tokens
            parent = copy.add(
                Said(text, tokens, parent, Address(MAIN, depth), 0, ended, ended, tombstone=gone, final=gone)
            )
        return copy


def person() -> User:
    """Somebody who imports; made, not stored."""
    return User(
        id=PydanticObjectId(), email="a@b.example", email_key="a@b.example", display_name="A", name_key="a",
        password_hash="-", created_at=AT,
    )  # fmt: skip


@dataclass
class File:
    """An export, and what it must hold; None where somebody wrote while it was made."""

    data: bytes
    twin: Chat | None


@dataclass(eq=False)
class Export(Act):
    """Of one conversation."""

    writes: ClassVar[bool] = False

    async def run(self, worker: Worker) -> bytes:
        return await export(worker, self.chat)

    async def settle(self, db: Any, outcome: Any, ended: int) -> File:
        assert isinstance(outcome, bytes)
        said = [orjson.loads(line) for line in outcome.splitlines()]
        texts = [each.get("content") for each in said if each["type"] == "message"]
        if self.alone:
            assert sorted(texts, key=str) == sorted([each.shown for each in self.chat.seen], key=str)
        return File(outcome, self.chat.twin(self.chat.id, self.chat.owner_id, ended) if self.alone else None)


async def export(worker: Worker, chat: Chat) -> bytes:
    """The file."""
    trees, tally, writing = Trees(worker.db, worker.limits, Turns()), Tally(), ParleyWriting()
    conversation = await read(worker.db, chat.id)
    pieces = [piece async for piece in writing.conversation(trees, conversation, View(True, nameless), tally)]
    return b"".join([writing.first(None), *pieces, writing.last(tally)])


@dataclass(eq=False)
class Import(Act):
    """Of a file, by somebody else."""

    file: File = field(kw_only=True)
    path: Path = field(kw_only=True)
    by: User = field(default_factory=person)
    writes: ClassVar[bool] = False

    async def run(self, worker: Worker) -> Any:
        await asyncio.to_thread(self.path.write_bytes, self.file.data)
        return await import_parley(worker.db, self.path, self.by, worker.limits)

    async def settle(self, db: Any, outcome: Any, ended: int) -> "Chat | None":
        assert outcome.refusals == []
        assert (outcome.imported, outcome.unchanged) in ([(1, 0)] if self.tries == 1 else [(1, 0), (0, 1)])
        record = await db.conversations.find_one({"owner_id": self.by.id})
        if self.file.twin is None:
            return None
        return self.file.twin.twin(record["_id"], self.by.id, ended)


@dataclass(eq=False)
class Behind(Act):
    """What workers do by themselves, again and again: so nobody tries it again."""

    what: str = "take"
    writes: ClassVar[bool] = False

    async def run(self, worker: Worker) -> None:
        if self.what == "roll up":
            await Rollup(worker.db).run()
        else:
            await getattr(Indexer(worker.db, fanout=2), self.what)()

    async def settle(self, db: Any, outcome: Any, ended: int) -> None:
        assert not isinstance(outcome, TreeError)
