"""A message while its author writes it: Redis has it, piece by piece, and the store has it in steps."""

from typing import Final

import structlog
from beanie import PydanticObjectId
from redis.exceptions import RedisError

from models.bucket import MessageRole, MessageStatus, Metadata
from models.conversation import Conversation
from models.tree import Address, Draft, Row
from models.tree.errors import InvalidContentError, MessageNotFoundError, TooLargeError
from resolvers.chat.events import announce_end
from resolvers.context import Context
from resolvers.errors import BadInputError, ConflictError, OffsetError, TooFastError
from resolvers.live.texts import Grown

_log: Final = structlog.get_logger(__name__)

PIECE_BYTES: Final = 16 * 1024
"""Of UTF-8, at most: pieces lie in the history of events, of which there are many."""
OVER: Final = "the message is not being written any more"


def piece(offset: int, text: str) -> str:
    """A piece, checked."""
    if offset < 0:
        raise BadInputError("offset", "must not be negative")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidContentError("text", "holds half a surrogate pair: cut between characters") from None
    if size > PIECE_BYTES:
        raise TooLargeError("text", f"has {size:,} bytes, {PIECE_BYTES:,} are allowed", size, PIECE_BYTES)
    return text


class Manuscript:
    """One that `author_id` may write in its conversation, if it is his."""

    def __init__(
        self, context: Context, conversation: Conversation, address: Address, author_id: PydanticObjectId
    ) -> None:
        self._context: Final = context
        self.conversation: Final = conversation
        self.address: Final = address
        self._author_id = author_id
        self._place: Final = (conversation.id, address)

    async def append(self, offset: int, text: str) -> int:
        """Have `text` stand at `offset`, and return where it goes on. Raises `OffsetError`, `ConflictError` …"""
        grown = await self._grown(offset, text)
        if grown.word == "lost":
            row = await self._row()
            if row.message.get("status") != MessageStatus.STREAMING:
                return self._said_before(row, offset, text)
            await self._reopen(row)
            grown = await self._grown(offset, text)
        taken = self._taken(grown)
        return await self._saved(offset, text, taken) if grown.due else taken

    async def finish(self, length: int, metadata: Metadata) -> None:
        """It is complete, `length` bytes long. Once more, and nothing happens."""
        row = await self._row()
        if row.message.get("status") == MessageStatus.STREAMING:
            noted = self._noted(row, metadata)
            sealed = await self._context.texts.seal(*self._place, length=length)
            if sealed.word == "lost":
                await self._reopen(row)
                sealed = await self._context.texts.seal(*self._place, length=length)
            if sealed.word != "taken":
                raise OffsetError(f"it has {sealed.length} bytes: go on there", sealed.length)
            complete = MessageStatus.COMPLETE
            ended = await self._context.tree.end(self.conversation, self.address, sealed.text, complete, noted)
            await self._context.texts.release(*self._place, self._author_id)
            self._context.loaders.forget(self.conversation.id)
            if ended:
                await self._announce_end()
            row = await self._row()
        else:  # an earlier try may have died before it told
            ended = False
        if row.message.get("status") == MessageStatus.INTERRUPTED:
            raise ConflictError(OVER)
        if (stored := len((row.message.get("content") or "").encode())) != length:
            raise OffsetError(f"it is complete, and has {stored} bytes", stored)
        if not ended:
            await self._announce_end(again=True)

    async def interrupt(self, metadata: Metadata) -> None:
        """It says what has come, and that is all. Nothing happens where it is over already."""
        row = await self._row()
        if row.message.get("status") != MessageStatus.STREAMING:
            return
        noted, interrupted = self._noted(row, metadata), MessageStatus.INTERRUPTED
        sealed = await self._context.texts.seal(*self._place)
        text = sealed.text if sealed.word == "taken" else None  # what Redis has lost is stored up to the last step
        ended = await self._context.tree.end(self.conversation, self.address, text, interrupted, noted)
        await self._context.texts.release(*self._place, self._author_id)
        self._context.loaders.forget(self.conversation.id)
        if ended:
            await self._announce_end()

    async def _announce_end(self, *, again: bool = False) -> None:
        current = await self._context.loaders.conversations.load(self.conversation.id)
        await announce_end(self._context.broker, current or self.conversation, self.address, again=again)

    async def _grown(self, offset: int, text: str) -> Grown:
        limit = self._context.tree.limits.message_bytes
        return await self._context.texts.append(*self._place, self._author_id, offset, text, limit)

    def _taken(self, grown: Grown) -> int:
        """The length, if the piece was taken; else what is said to its writer."""
        match grown.word:
            case "taken":
                return grown.length
            case "foreign":
                raise _foreign()
            case "ended" | "lost":
                raise ConflictError(OVER)
            case "full":
                limit = self._context.tree.limits.message_bytes
                raise TooLargeError("text", f"would make it longer than {limit:,} bytes", grown.length, limit)
            case "fast":
                raise TooFastError("too many pieces in a second: send fewer, and longer ones", 1)
            case "differs":
                raise OffsetError("something else is there", grown.length)
            case _:
                raise OffsetError(f"it has {grown.length} bytes: go on there", grown.length)

    async def _saved(self, offset: int, text: str, taken: int) -> int:
        """Store what has come, and return `taken`. What was deleted meanwhile ends."""
        self._context.loaders.rows.clear_all()
        row = await self._seen()
        if row is None:
            await withdraw(self._context, self.conversation, self.address)
            raise MessageNotFoundError(str(self.address))
        content = row.message.get("content") or ""
        if await self._context.tree.save(self.conversation, self.address, content):
            return taken
        self._context.loaders.rows.clear_all()
        return self._said_before(await self._row(), offset, text)  # it has just ended, with the piece

    async def _seen(self) -> Row | None:
        """The message, unless it is deleted."""
        row = await self._context.loaders.rows.load(self._place)
        return None if row is None or row.message.get("deleted_at") else row

    async def _row(self) -> Row:
        """The caller's message. Raises `MessageNotFoundError`, and `BadInputError` for somebody else's."""
        row = await self._seen()
        if row is None:
            raise MessageNotFoundError(str(self.address))
        if row.message.get("author_id") != self._author_id:
            raise _foreign()
        return row

    async def _reopen(self, row: Row) -> None:
        """Redis has lost it: go on from what is stored."""
        await self._context.texts.hold(*self._place, self._author_id)
        await self._context.texts.open(*self._place, self._author_id, row.message.get("content") or "")

    def _said_before(self, row: Row, offset: int, text: str) -> int:
        """The end of a piece that a message which has ended holds there."""
        stored = (row.message.get("content") or "").encode()
        if stored[offset : offset + len(text.encode())] != text.encode():
            raise ConflictError(OVER)
        return len(stored)

    def _noted(self, row: Row, added: Metadata) -> dict[str, object]:
        """The metadata as it is to be stored. Raises `TooLargeError`."""
        known = Metadata.model_validate(row.message.get("metadata") or {})
        extra = {**known.extra, **added.extra}
        merged = known.model_copy(update=added.model_dump(exclude_none=True) | {"extra": extra})
        Draft(MessageRole(row.message["role"]), "", metadata=merged).check(self._context.tree.limits)
        return merged.model_dump(exclude_none=True, exclude_defaults=True)


async def withdraw(context: Context, conversation: Conversation, address: Address) -> None:
    """It is deleted: nothing is added any more, and if it is restored, it says what had come."""
    sealed = await context.texts.seal(conversation.id, address)
    if sealed.word == "taken":
        await context.tree.end(conversation, address, sealed.text, MessageStatus.INTERRUPTED, told=False)
    row = (await context.tree.history(conversation).rows([address])).get(address)
    await context.texts.release(conversation.id, address, row.message.get("author_id") if row else None)


async def withdraw_deleted(context: Context, conversation: Conversation) -> None:
    """The same for all that are written where something was deleted just now: `conversation` as it is after that."""
    try:
        writing = await context.texts.written(conversation.id)
        rows = await context.tree.history(conversation).rows(writing) if writing else {}
        for address in writing:
            if address not in rows or rows[address].message.get("deleted_at"):
                await withdraw(context, conversation, address)
    except RedisError as error:  # their next piece finds out
        _log.warning("writers not told of a deletion", kind=type(error).__name__)


def _foreign() -> BadInputError:
    return BadInputError("messageId", "is not a message that you are writing")
