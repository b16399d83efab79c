"""Answers that are read while they are written: begun, streamed in pieces, finished."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from secrets import token_hex
from typing import Final

import strawberry
from strawberry.scalars import JSON

from models.bucket import MessageRole, MessageStatus, Metadata
from models.conversation import Conversation as StoredConversation
from models.tree import Appended, Draft
from models.tree.errors import MessageNotFoundError
from permissions.actions import Action
from permissions.guards import may
from resolvers.chat import inputs
from resolvers.chat.manuscripts import Manuscript, piece
from resolvers.chat.mutations import MessagePayload, announced, caller, parent_of
from resolvers.chat.reach import named, reached
from resolvers.chat.tree import written_message
from resolvers.chat.writing import Pen
from resolvers.context import Context, Info
from resolvers.errors import BadInputError, ConflictError, NotFoundError
from resolvers.ids import message_address

OF_USER: Final = 32
OF_CONVERSATION: Final = 8
"""Messages that somebody writes, and that are written in a conversation, at a time."""


@strawberry.input(
    description="A message that is to be streamed: after `parentId`, or as an alternative of `siblingOf` (an answer "
    "that is generated anew), or after the last one of the branch on which you left off. Sent again with the same "
    "`idempotencyKey`, it gives the message that the first try began."
)
class BeginMessageInput:
    """Where, and by whom."""

    conversation_id: strawberry.ID
    parent_id: strawberry.ID | None = None
    sibling_of: strawberry.ID | None = None
    role: MessageRole | None = MessageRole.ASSISTANT
    idempotency_key: str | None = None
    metadata: JSON | None = None


@strawberry.input(
    description="A piece of a message that you began. `offset`: where it begins, in bytes of UTF-8, which is the "
    "`offset` that the piece before gave back, 0 for the first one. A piece may come twice, or overlap what is there, "
    "if it says the same."
)
class StreamMessageInput:
    """What comes next."""

    message_id: strawberry.ID
    offset: int
    text: str


@strawberry.input(
    description="`offset`: how long the message is, in bytes of UTF-8; it is whole if the server has as much. "
    "`metadata` is added to what was noted when it was begun."
)
class FinishMessageInput:
    """That was all."""

    message_id: strawberry.ID
    offset: int
    metadata: JSON | None = None


@strawberry.type
class StreamMessagePayload:
    """What is taken."""

    message_id: strawberry.ID
    offset: int = strawberry.field(description="Where the next piece begins, in bytes of UTF-8.")


@strawberry.type
class Mutation:
    """Of what is streamed."""

    @strawberry.mutation(
        permission_classes=[may(Action.MESSAGE_APPEND)],
        description="Begin a message that is read while you write it. Only you can go on with it; if nothing comes "
        "for a minute, it is interrupted, and keeps what had come.",
    )
    async def begin_message(self, info: Info, input: BeginMessageInput) -> MessagePayload:
        context = info.context
        conversation = await named(context, input.conversation_id, Action.MESSAGE_APPEND)
        draft = Draft(
            role=input.role or MessageRole.ASSISTANT,
            content="",
            author_id=caller(context),
            status=MessageStatus.STREAMING,
            metadata=inputs.metadata(input.metadata),
            idempotency_key=input.idempotency_key,
        )
        async with _admitted(context, conversation):
            appended = await _append(info, conversation, draft, input)
            if appended.message.get("status") == MessageStatus.STREAMING:
                text = appended.message.get("content", "")
                await context.texts.hold(conversation.id, appended.address, draft.author_id)
                await context.texts.open(conversation.id, appended.address, draft.author_id, text)
        return await announced(info, conversation, appended)

    @strawberry.mutation(
        permission_classes=[may(Action.MESSAGE_APPEND)],
        description="Add a piece. One that leaves a gap, or says something else than what is there, is a CONFLICT, "
        "whose `offset` says where to go on: after a loss of the server's memory that may be earlier than before.",
    )
    async def stream_message(self, info: Info, input: StreamMessageInput) -> StreamMessagePayload:
        text = piece(input.offset, input.text)
        manuscript = await _manuscript(info.context, input.message_id)
        offset = await manuscript.append(input.offset, text)
        return StreamMessagePayload(message_id=input.message_id, offset=offset)

    @strawberry.mutation(
        permission_classes=[may(Action.MESSAGE_APPEND)],
        description="End a message that you began: it is complete. Once more, and nothing happens.",
    )
    async def finish_message(self, info: Info, input: FinishMessageInput) -> MessagePayload:
        if input.offset < 0:
            raise BadInputError("offset", "must not be negative")
        metadata = inputs.metadata(input.metadata)
        manuscript = await _manuscript(info.context, input.message_id)
        await manuscript.finish(input.offset, metadata or Metadata())
        message = await written_message(info, manuscript.conversation, manuscript.address)
        if message is None:
            raise MessageNotFoundError(str(manuscript.address))
        return MessagePayload(message=message)


async def _manuscript(context: Context, id: str) -> Manuscript:
    """One that the caller may go on with, if it is his."""
    conversation_id, address = message_address(id, "messageId")
    conversation = await reached(context, conversation_id, Action.MESSAGE_APPEND)
    await Pen(context, conversation, Action.MESSAGE_APPEND).allow(address)
    return Manuscript(context, conversation, address, caller(context))


async def _append(info: Info, conversation: StoredConversation, draft: Draft, input: BeginMessageInput) -> Appended:
    pen = Pen(info.context, conversation, Action.MESSAGE_APPEND)
    if input.sibling_of is None:
        parent = parent_of(input.parent_id, conversation)
        if parent is None:
            return await pen.append_at_end(draft)
        await pen.require(parent, forks=False)
        return await pen.append(parent, draft)
    if input.parent_id is not None:
        raise BadInputError("siblingOf", "says already what it follows: leave `parentId` out")
    home, address = message_address(input.sibling_of, "siblingOf")
    if home != conversation.id:
        raise BadInputError("siblingOf", "belongs to another conversation")
    await pen.require(address, forks=True)
    row = await info.context.loaders.rows.load((conversation.id, address))
    if row is None:
        raise NotFoundError("Message")
    draft = replace(draft, edited_from=str(address))
    return await pen.shown(address, await info.context.tree.append(conversation, row.parent, draft))


@asynccontextmanager
async def _admitted(context: Context, conversation: StoredConversation) -> AsyncIterator[None]:
    """Raise `ConflictError` where too many messages are being written."""
    request, user = token_hex(8), context.texts.of_user(caller(context))
    place = context.texts.of_conversation(conversation.id)
    try:
        if not await context.texts.admit(user, OF_USER, request):
            raise ConflictError(f"you are writing {OF_USER} messages: finish one of them")
        if not await context.texts.admit(place, OF_CONVERSATION, request):
            raise ConflictError(
                f"{OF_CONVERSATION} messages of the conversation are being written: wait for one of them"
            )
        yield
    finally:
        for who in (user, place):
            await context.texts.dismiss(who, request)
