"""Imports a file: reads it record by record, plants each conversation, reports."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from re import Pattern
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.bucket import MessageRole
from models.conversation import Conversation, title_key
from models.database import Record
from models.transfer import chatgpt, librechat, oasst, openwebui
from models.transfer.errors import HaltedError, Refusal, UnknownFormatError, UnreadableFileError
from models.transfer.source import Source
from models.transfer.transcript import Terms, Transcript
from models.tree.draft import TreeLimits
from models.tree.errors import TreeError
from models.tree.plant import plant
from models.user import User

Admit: TypeAlias = Callable[[Conversation], str | None]
"""Why a conversation is not let in; None lets it in."""
Reader: TypeAlias = Callable[[str, Iterator[bytes], Terms], Iterator[Transcript | Refusal]]

REFUSALS_KEPT: Final = 100
"""Refusals that a report holds; it counts the others."""
TICK_SECONDS: Final = 0.5
"""How often somebody who waits for a large record hears of it."""


@dataclass(frozen=True, slots=True)
class Format:
    """How to read a format, and which members of a zip archive are in it."""

    read: Reader
    zipped: Pattern[str] | None = None


FORMATS: Final[Mapping[str, Format]] = {
    "chatgpt": Format(chatgpt.read, chatgpt.IN_ZIP),
    "librechat": Format(librechat.read),
    "oasst": Format(oasst.read),
    "openwebui": Format(openwebui.read),
}


@dataclass(slots=True)
class Report:
    """What came of an import. `unchanged` conversations were there before; `refused` counts every refusal."""

    imported: int = 0
    messages: int = 0
    unchanged: int = 0
    refused: int = 0
    stopped: bool = False
    """Somebody asked for it before the file's end was seen."""
    refusals: list[Refusal] = field(default_factory=list)

    def refuse(self, refusal: Refusal) -> None:
        """Count it, and keep it if it is among the first."""
        self.refused += 1
        if len(self.refusals) < REFUSALS_KEPT:
            self.refusals.append(refusal)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is, in bytes of the file, and its report so far."""

    read: int
    size: int
    report: Report


@dataclass(frozen=True, slots=True)
class Control:
    """What whoever started an import may want of it.

    Once `stop` is set, the conversation that was begun is ended, and the report says `stopped`. With `check_only`
    everything is read and checked, and nothing is written.
    """

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    check_only: bool = False


class Intake:
    """The conversations of a file, read as they are asked for. `with` it, and iterate; raises `TransferError`s."""

    def __init__(self, path: Path, format_name: str, limits: TreeLimits) -> None:
        if format_name not in FORMATS:
            raise UnknownFormatError(format_name, tuple(FORMATS))
        self._format = FORMATS[format_name]
        self.source = Source.open(path, self._format.zipped)
        self._terms = Terms(limits, self.source.written_at)

    def __iter__(self) -> Iterator[Transcript | Refusal]:
        for name, part in self.source.parts:
            yield from self._format.read(name, self.source.chunks(part), self._terms)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.source.close()


async def import_file(
    db: AsyncDatabase[Record],
    path: Path,
    format_name: str,
    owner: User,
    limits: TreeLimits,
    progress: Callable[[Progress], None] = lambda _: None,
    admit: Admit = lambda _: None,
    control: Control | None = None,
) -> Report:
    """Import what `path` holds as conversations of `owner`; `progress` is called again and again.

    Importing again changes nothing, and goes on where a stop or a crash cut it short: what is there already costs its
    reading and a look. Raises `TransferError` if nothing of the file can be read; a single bad record is a `Refusal`
    in the report.
    """
    report = Report()
    control = control or Control()
    with await asyncio.to_thread(Intake, path, format_name, limits) as intake:
        importer = _Importer(db, format_name, owner, limits, Reception(report, admit), control.check_only)
        items = iter(intake)
        while (item := await _read(intake, items, path, report, progress, control.stop)) is not None:
            await importer.take(item)
            del item  # or else it is held while the next one is read
            progress(Progress(intake.source.read, intake.source.size, report))
        progress(Progress(intake.source.read, intake.source.size, report))
    return report


async def _read(
    intake: Intake,
    items: Iterator[Transcript | Refusal],
    path: Path,
    report: Report,
    progress: Callable[[Progress], None],
    stop: asyncio.Event,
) -> Transcript | Refusal | None:
    """The next item, read in a thread; None at the end, and soon after `stop` is set."""
    if stop.is_set():
        report.stopped = True
        return None
    reading = asyncio.ensure_future(asyncio.to_thread(_next, items, path, report))
    try:
        while not (await asyncio.wait({reading}, timeout=TICK_SECONDS))[0]:
            progress(Progress(intake.source.read, intake.source.size, report))
            intake.source.halted = stop.is_set()
    except BaseException:  # nobody waits for it any more, and the thread would read on
        intake.source.halted = True
        await asyncio.wait({reading})
        raise
    return reading.result()


def _next(items: Iterator[Transcript | Refusal], path: Path, report: Report) -> Transcript | Refusal | None:
    """The next item; a file that fails after its beginning is one more refusal."""
    try:
        return next(items, None)
    except HaltedError:
        report.stopped = True
        return None
    except UnreadableFileError as error:
        if not (report.imported or report.unchanged or report.refused):
            raise
        return Refusal(path.name, error.reason)


@dataclass(slots=True)
class Reception:
    """Takes conversations in, each once and if it may be made, and counts what came of it."""

    report: Report
    admit: Admit
    _seen: set[PydanticObjectId] = field(default_factory=set)

    async def take(
        self, conversation: Conversation, where: str, messages: int, planted: Callable[[], Awaitable[bool]]
    ) -> None:
        """Have it `planted`; what speaks against it is a refusal, which names `where` it stands."""
        if conversation.id in self._seen:
            self.report.refuse(Refusal(where, "it comes twice in the file; the first one stands"))
            return
        self._seen.add(conversation.id)
        if (reason := self.admit(conversation)) is not None:
            self.report.refuse(Refusal(where, reason))
            return
        try:
            new = await planted()
        except TreeError as error:
            self.report.refuse(Refusal(where, str(error)))
            return
        self.report.imported += new
        self.report.unchanged += not new
        self.report.messages += messages * new


@dataclass(slots=True)
class _Importer:
    db: AsyncDatabase[Record]
    format_name: str
    owner: User
    limits: TreeLimits
    reception: Reception
    check_only: bool

    async def take(self, item: Transcript | Refusal) -> None:
        """Plant a conversation, or note a refusal."""
        if isinstance(item, Refusal):
            self.reception.report.refuse(item)
            return
        conversation = conversation_of(item, self.format_name, self.owner, self.limits)
        take = _fits if self.check_only else plant_transcript
        await self.reception.take(
            conversation,
            f"conversation {item.source_id}",
            len(item.sprouts),
            lambda: take(self.db, conversation, item, self.limits),
        )


def conversation_id(owner_id: PydanticObjectId, format_name: str, source_id: str) -> PydanticObjectId:
    """The id under which an owner's imported conversation is stored, at each import."""
    return PydanticObjectId(sha256(f"{owner_id}:{format_name}:{source_id}".encode()).digest()[:12])


def conversation_of(
    transcript: Transcript,
    format_name: str,
    owner: User,
    limits: TreeLimits,
    attributes: Mapping[str, Any] | None = None,
) -> Conversation:
    """The document of `transcript` as a conversation of `owner`; `attributes` add to the transcript's own."""
    return Conversation(
        id=conversation_id(owner.id, format_name, transcript.source_id),
        owner_id=owner.id,
        title=transcript.title,
        title_key=title_key(transcript.title),
        tags=transcript.tags,
        attributes={**transcript.attributes, **(attributes or {})},
        archived=transcript.archived,
        started_at=transcript.started_at,
        updated_at=transcript.updated_at,
        slot_width=limits.bucket_messages,
        source=f"{format_name}:{transcript.source_id}",
    )


async def _fits(
    db: AsyncDatabase[Record], conversation: Conversation, transcript: Transcript, limits: TreeLimits
) -> bool:
    """Whether it could be planted now; raises what planting would raise."""
    if await db.conversations.find_one({"_id": conversation.id}, {"_id": 1}):
        return False
    for sprout in transcript.sprouts:
        sprout.draft().check(limits)
    return True


async def plant_transcript(
    db: AsyncDatabase[Record], conversation: Conversation, transcript: Transcript, limits: TreeLimits
) -> bool:
    """Store it, its owner as author of what users said; False where it is there already."""
    sprouts = [
        replace(sprout, author_id=conversation.owner_id) if sprout.role is MessageRole.USER else sprout
        for sprout in transcript.sprouts
    ]
    return await plant(db, conversation, sprouts, transcript.chosen, limits)
