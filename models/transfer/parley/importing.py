"""Imports a file in Parley's own format: each conversation is read twice, first to see that it is whole and sound."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import IO, Final

from pymongo.asynchronous.database import AsyncDatabase

from models.conversation import Conversation, title_key
from models.database import Record
from models.transfer.errors import Refusal
from models.transfer.importing import Admit, Control, Progress, Reception, Report, conversation_id
from models.transfer.parley.checking import Found, Place, Reading, conversations
from models.transfer.parley.reading import LineError, lines, longest, parsed
from models.transfer.parley.shape import Branch, Said
from models.transfer.source import Source
from models.tree.draft import TreeLimits
from models.tree.errors import UnsoundTreeError
from models.tree.sowing import Sowing
from models.user import User

FORMAT: Final = "parley"
LINES: Final = 500
BYTES: Final = 4 * 1024 * 1024
"""Lines that are read together, and bytes after which no further one is."""

Step = tuple[int, int, Branch | Said]
"""A line's number, where it ends, what it says."""


async def import_parley(
    db: AsyncDatabase[Record],
    path: Path,
    owner: User,
    limits: TreeLimits,
    progress: Callable[[Progress], None] = lambda _: None,
    admit: Admit = lambda _: None,
    control: Control | None = None,
) -> Report:
    """Import what `path` holds as conversations of `owner`; `progress` is called again and again.

    Importing again changes nothing, and completes what a crash cut short. Raises `TransferError` if it is no such
    file; what else is wrong is a `Refusal` in the report.
    """
    source = await asyncio.to_thread(Source.open, path)
    try:
        with path.open("rb") as again:
            reception = Reception(Report(), admit)
            importer = _Importer(db, owner, limits, source, again, progress, reception, control or Control())
            await importer.run(source.parts[0][1]())
    finally:
        source.close()
    return reception.report


@dataclass(slots=True)
class _Importer:
    db: AsyncDatabase[Record]
    owner: User
    limits: TreeLimits
    source: Source
    again: IO[bytes]
    progress: Callable[[Progress], None]
    reception: Reception
    control: Control

    async def run(self, file: IO[bytes]) -> None:
        """Take one conversation after the other."""
        found = conversations(file, self.source.path.name, self.owner.id, self.limits)
        begun = 0
        while (item := await asyncio.to_thread(next, found, None)) is not None:
            if isinstance(item, Place):
                self._tell(begun + (item.position - begun) // 2)  # read once, of twice
            elif isinstance(item, Refusal):
                self.reception.report.refuse(item)
            else:
                await self._take(item)
                begun = item.stop
                self._tell(begun)
            if self.control.stop.is_set() and begun < self.source.size:
                self.reception.report.stopped = True
                return
        self._tell(self.source.size)

    async def _take(self, found: Found) -> None:
        conversation = conversation_of(found, self.owner, self.limits)
        plant = self._fits if self.control.check_only else self._sow
        where = f"{self.source.path.name}, line {found.number}"
        await self.reception.take(conversation, where, found.messages, lambda: plant(conversation, found))

    async def _fits(self, conversation: Conversation, _: Found) -> bool:
        """Whether it could be planted now: it is sound, or it wouldn't have come so far."""
        return await self.db.conversations.find_one({"_id": conversation.id}, {"_id": 1}) is None

    async def _sow(self, conversation: Conversation, found: Found) -> bool:
        text = sha256(repr(self.limits).encode() + found.digest).digest()[:8]
        sowing = Sowing(self.db, conversation, self.limits, text)
        if not await sowing.begin(found.head.root_forks):
            return False
        try:
            await self._plant(sowing, found)
            return await sowing.finish(found.head.chosen)
        except UnsoundTreeError:
            await sowing.give_up()
            raise

    async def _plant(self, sowing: Sowing, found: Found) -> None:
        reading = Reading(self.owner.id, self.limits)
        steps = _steps(self.again, found, reading)
        while some := await asyncio.to_thread(_together, steps):
            for number, _, step in some:
                if isinstance(step, Said):
                    await sowing.message(step.draft, step.forks)
                    for flaw in step.flaws:
                        self.reception.report.refuse(
                            Refusal(f"{self.source.path.name}, line {number}", f"the message {flaw}")
                        )
                elif step.vanished:
                    await sowing.vanish(step.fork)
                else:
                    await sowing.branch(step.fork)
            self._tell((found.stop + some[-1][1]) // 2)
        if reading.digest.digest() != found.digest:
            raise UnsoundTreeError("the file was changed while it was read")

    def _tell(self, position: int) -> None:
        self.source.read = max(self.source.read, position)
        self.progress(Progress(self.source.read, self.source.size, self.reception.report))


def conversation_of(found: Found, owner: User, limits: TreeLimits) -> Conversation:
    """The document, whose id nobody can choose: it is derived from the owner's and that in the file."""
    head = found.head
    return Conversation(
        id=conversation_id(owner.id, FORMAT, head.source_id),
        owner_id=owner.id,
        title=head.title,
        title_key=title_key(head.title),
        tags=head.tags,
        attributes=head.attributes,
        archived=head.archived,
        started_at=head.started_at,
        updated_at=head.updated_at,
        slot_width=limits.bucket_messages,
        source=f"{FORMAT}:{head.source_id}",
    )


def _steps(file: IO[bytes], found: Found, reading: Reading) -> Iterator[Step]:
    """What the conversation's lines say, a second time."""
    for line in lines(file, longest(reading.limits), found.start, found.number - 1):
        if line.start == found.start:
            reading.digest.update(line.data or b"")
            continue
        try:
            fields = parsed(line)
            if fields["type"] == "end":
                return
            step = reading.take(line, fields)
        except LineError as error:
            raise UnsoundTreeError(f"the file was changed while it was read: line {line.number} {error}") from None
        if step is not None:
            yield line.number, line.stop, step


def _together(steps: Iterator[Step]) -> list[Step]:
    """The next ones, as many as are read at a time."""
    some: list[Step] = []
    begun = None
    for step in islice(steps, LINES):
        some.append(step)
        begun = step[1] if begun is None else begun
        if step[1] - begun >= BYTES:
            break
    return some
