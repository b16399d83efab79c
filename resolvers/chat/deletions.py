"""Deleting messages and conversations, and bringing them back while that is possible."""

from datetime import datetime
from enum import StrEnum
from typing import Self

import strawberry

from models.conversation import Conversation as StoredConversation
from models.news import new_mark
from models.tree import Address
from permissions.actions import Action
from permissions.audit.events import Target
from permissions.errors import DeniedError
from permissions.guards import SignedIn, may
from permissions.resources import CONVERSATION, MESSAGE, message_resource
from permissions.sharing import confinement
from resolvers.chat.conversation import Conversation, shown
from resolvers.chat.events import announce_change, announce_deletion, announce_restoration
from resolvers.chat.list_news import announce_listed
from resolvers.chat.manuscripts import withdraw_deleted
from resolvers.chat.mutations import ConversationPayload, MessagePayload, again, caller
from resolvers.chat.queries import deleted_ones
from resolvers.chat.reach import named, reached, require_seen, restorable
from resolvers.chat.tree import load_message
from resolvers.context import Context, Info
from resolvers.errors import NotFoundError
from resolvers.ids import message_address, object_id
from resolvers.pagination import Connection, page_arguments


@strawberry.enum(
    description="TOMBSTONE: it keeps its place and all that follows it, and says nothing any more. "
    "SUBTREE: it vanishes with everything below it, on all branches."
)
class DeleteMode(StrEnum):
    """What becomes of a deleted message."""

    TOMBSTONE = "tombstone"
    SUBTREE = "subtree"


@strawberry.input
class DeleteMessageInput:
    """Which, and how."""

    message_id: strawberry.ID
    mode: DeleteMode | None = DeleteMode.TOMBSTONE


@strawberry.input
class RestoreMessageInput:
    """A tombstone, or the first message of a removed subtree."""

    message_id: strawberry.ID


@strawberry.input
class DeleteConversationInput:
    """Which."""

    conversation_id: strawberry.ID


@strawberry.input
class RestoreConversationInput:
    """Which."""

    conversation_id: strawberry.ID


@strawberry.type
class DeleteMessagePayload:
    """What is deleted, and what is left."""

    message_id: strawberry.ID
    conversation: Conversation


@strawberry.type
class DeleteConversationPayload:
    """What is gone."""

    conversation_id: strawberry.ID


@strawberry.type(description="A conversation that was deleted, and can be restored until it is purged.")
class DeletedConversation:
    """No more of it than is needed to find it again."""

    id: strawberry.ID
    title: str | None
    deleted_at: datetime | None
    message_count: int

    @classmethod
    def of(cls, stored: StoredConversation, as_shown: Conversation) -> Self:
        """A stored conversation, as the schema shows it."""
        count = as_shown.message_count
        return cls(id=as_shown.id, title=stored.title, deleted_at=stored.deleted_at, message_count=count)


@strawberry.type
class Query:
    """Of what is deleted."""

    @strawberry.field(
        permission_classes=[SignedIn],
        description="Deleted conversations that you may restore, the latest first.",
    )
    async def deleted_conversations(
        self, info: Info, first: int | None = None, after: str | None = None
    ) -> Connection[DeletedConversation]:
        async def show(stored: StoredConversation) -> DeletedConversation:
            return DeletedConversation.of(stored, await shown(info.context, stored))

        return await deleted_ones(info.context, page_arguments(first, after), show)


@strawberry.type
class Mutation:
    """Of what is deleted."""

    @strawberry.mutation(
        permission_classes=[may(Action.MESSAGE_DELETE)],
        description="Delete a message. It can be restored until it is purged, 30 days later where nothing else is set; "
        "meanwhile nobody can read it.",
    )
    async def delete_message(self, info: Info, input: DeleteMessageInput) -> DeleteMessagePayload:
        context = info.context
        conversation_id, address = message_address(input.message_id, "messageId")
        conversation = await reached(context, conversation_id, Action.MESSAGE_DELETE)
        mode = input.mode or DeleteMode.TOMBSTONE
        await _require_there(context, conversation, address, subtree=mode is DeleteMode.SUBTREE)
        delete = context.tree.remove if mode is DeleteMode.SUBTREE else context.tree.delete
        await delete(conversation, address, caller(context))
        await _recorded(context, f"message.deleted.{mode}", conversation, address)
        current = await again(context, conversation.id)
        await withdraw_deleted(context, current)
        await announce_deletion(context.broker, current, address)
        return DeleteMessagePayload(message_id=input.message_id, conversation=await shown(context, current))

    @strawberry.mutation(
        permission_classes=[may(Action.MESSAGE_DELETE)],
        description="Bring back a deleted message, with everything below it if that went with it.",
    )
    async def restore_message(self, info: Info, input: RestoreMessageInput) -> MessagePayload:
        context = info.context
        conversation_id, address = message_address(input.message_id, "messageId")
        conversation = await reached(context, conversation_id, Action.MESSAGE_DELETE)
        context.access.require(Action.MESSAGE_READ, message_resource(conversation))  # the answer shows it
        subtree = any(each.at == str(address) for each in conversation.removed)
        await _require_there(context, conversation, address, subtree=subtree)
        await context.tree.restore(conversation, address)
        await _recorded(context, "message.restored", conversation, address)
        current = await again(context, conversation.id)
        await announce_restoration(context.broker, current, address)
        message = await load_message(info, current, address)
        if message is None:
            raise NotFoundError("Message")
        return MessagePayload(message=message)

    @strawberry.mutation(
        permission_classes=[may(Action.CONVERSATION_DELETE)],
        description="Delete a conversation. It can be restored until it is purged; meanwhile nobody can read it.",
    )
    async def delete_conversation(self, info: Info, input: DeleteConversationInput) -> DeleteConversationPayload:
        context = info.context
        conversation = await named(context, input.conversation_id, Action.CONVERSATION_DELETE)
        await context.tree.close(conversation, caller(context), mark=(mark := new_mark()))
        current = await again(context, conversation.id)
        await _announced(context, "conversation.deleted", current, current.number_of(mark))
        await announce_listed(context.broker, conversation, None)
        return DeleteConversationPayload(conversation_id=input.conversation_id)

    @strawberry.mutation(
        permission_classes=[may(Action.CONVERSATION_DELETE)], description="Bring back a deleted conversation."
    )
    async def restore_conversation(self, info: Info, input: RestoreConversationInput) -> ConversationPayload:
        context = info.context
        conversation_id = object_id(input.conversation_id, "Conversation", "conversationId")
        conversation = await restorable(context, conversation_id)
        await context.tree.reopen(conversation)
        await _announced(context, "conversation.restored", conversation)
        current = await again(context, conversation.id)
        await announce_listed(context.broker, None, current)
        return ConversationPayload(conversation=await shown(context, current))


async def _require_there(
    context: Context, conversation: StoredConversation, address: Address, *, subtree: bool
) -> None:
    """Raise `DeniedError` where the caller may delete on branches only, and it isn't on one, or more than the message.

    What lies below a message may be what he doesn't see. `MessageNotFoundError` where he doesn't see the message.
    """
    await require_seen(context, conversation, address)
    sight = await context.sights.of(conversation, Action.MESSAGE_DELETE)
    if sight is not None and (subtree or not sight.sees(address)):
        raise DeniedError(confinement(context.access, conversation, Action.MESSAGE_DELETE), visible=True)


async def _recorded(context: Context, kind: str, conversation: StoredConversation, address: Address) -> None:
    """Written down: who did it, and where; no word of the message."""
    await context.audit.write(kind, context.origin, Target(MESSAGE, conversation.id), after={"address": str(address)})


async def _announced(context: Context, kind: str, conversation: StoredConversation, number: int | None = None) -> None:
    """Written down, and told to whoever is subscribed."""
    await context.audit.write(kind, context.origin, Target(CONVERSATION, conversation.id))
    await announce_change(context.broker, conversation.id, number)
