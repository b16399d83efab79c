"""Changes of conversations."""

import strawberry
from beanie import PydanticObjectId

from models.bucket import MessageRole
from models.clock import now
from models.conversation import Conversation as StoredConversation
from models.news import new_mark
from models.tree import Address, Appended, Draft
from permissions.actions import Action
from permissions.guards import may
from resolvers.chat import inputs
from resolvers.chat.answering import follow
from resolvers.chat.attaching import attaching
from resolvers.chat.conversation import Conversation, shown
from resolvers.chat.events import announce_change, announce_choice, announce_message
from resolvers.chat.list_news import announce_listed
from resolvers.chat.reach import named, reached, require_makeable
from resolvers.chat.tree import Message, load_branch, written_message
from resolvers.chat.writing import Pen
from resolvers.context import Context, Info
from resolvers.errors import BadInputError, NotFoundError
from resolvers.ids import branch_name, message_address


@strawberry.type
class ConversationPayload:
    """The conversation as it is now."""

    conversation: Conversation


@strawberry.type
class MessagePayload:
    """The message as it is now."""

    message: Message


@strawberry.type
class Mutation:
    """Of chat."""

    @strawberry.mutation(permission_classes=[may(Action.CONVERSATION_CREATE)])
    async def start_conversation(self, info: Info, input: inputs.StartConversationInput) -> ConversationPayload:
        context = info.context
        begun = now()
        conversation = StoredConversation(
            owner_id=caller(context),
            tags=inputs.tags(input.tags),
            attributes=inputs.attributes(input.attributes),
            started_at=begun,
            updated_at=begun,
            slot_width=context.tree.limits.bucket_messages,
            answers=bool(input.answers),
            **inputs.titled(input.title),
        )
        require_makeable(context, conversation)
        await context.tree.start(conversation)
        await announce_listed(context.broker, None, conversation)
        return ConversationPayload(conversation=await shown(context, conversation))

    @strawberry.mutation(permission_classes=[may(Action.CONVERSATION_UPDATE)])
    async def update_conversation(self, info: Info, input: inputs.UpdateConversationInput) -> ConversationPayload:
        context = info.context
        conversation = await named(context, input.conversation_id, Action.CONVERSATION_UPDATE)
        if changes := input.changes():
            await conversation.change(changes, mark := new_mark())
            before, conversation = conversation, await again(context, conversation.id)
            await announce_change(context.broker, conversation.id, conversation.number_of(mark))
            await announce_listed(context.broker, before, conversation)
        return ConversationPayload(conversation=await shown(context, conversation))

    @strawberry.mutation(
        permission_classes=[may(Action.MESSAGE_APPEND)],
        description="Append a message. Where something follows `parentId` already, a new branch begins.",
    )
    async def append_message(self, info: Info, input: inputs.AppendMessageInput) -> MessagePayload:
        context = info.context
        conversation = await named(context, input.conversation_id, Action.MESSAGE_APPEND)
        draft = Draft(
            role=input.role or MessageRole.USER,
            content=input.content,
            author_id=caller(context),
            metadata=inputs.metadata(input.metadata),
            idempotency_key=input.idempotency_key,
        )
        parent = parent_of(input.parent_id, conversation)
        pen = Pen(context, conversation, Action.MESSAGE_APPEND)
        if parent is not None:
            await pen.require(parent, forks=False)
        async with attaching(context, conversation, parent, draft, input.attachment_ids) as files:
            appended = await (pen.append(parent, files.draft) if parent else pen.append_at_end(files.draft))
            await files.stored(appended.address)
        return await announced(info, conversation, appended)

    @strawberry.mutation(
        permission_classes=[may(Action.MESSAGE_EDIT)],
        description="A new version of a message, on a branch of its own; the old one stays, and keeps its attachments.",
    )
    async def edit_message(self, info: Info, input: inputs.EditMessageInput) -> MessagePayload:
        context = info.context
        conversation_id, address = message_address(input.message_id, "messageId")
        conversation = await reached(context, conversation_id, Action.MESSAGE_EDIT)
        row = await context.loaders.rows.load((conversation.id, address))
        if row is None:
            raise NotFoundError("Message")
        pen = Pen(context, conversation, Action.MESSAGE_EDIT)
        await pen.require(address, forks=True)
        draft = Draft(
            role=MessageRole(row.message["role"]),
            content=input.content,
            author_id=caller(context),
            edited_from=str(address),
            idempotency_key=input.idempotency_key,
        )
        async with attaching(context, conversation, row.parent, draft, input.attachment_ids) as files:
            appended = await pen.shown(address, await context.tree.append(conversation, row.parent, files.draft))
            await files.stored(appended.address)
        return await announced(info, conversation, appended)

    @strawberry.mutation(
        permission_classes=[may(Action.CONVERSATION_READ)],
        description="Remember that you are on this branch.",
    )
    async def choose_branch(self, info: Info, input: inputs.ChooseBranchInput) -> ConversationPayload:
        context = info.context
        conversation_id, name = branch_name(input.branch_id, "branchId")
        conversation = await reached(context, conversation_id, Action.CONVERSATION_READ)
        await load_branch(info, conversation, name)
        await context.tree.choose(conversation, caller(context), name)
        await announce_choice(context.broker, conversation.id, caller(context), name)
        return ConversationPayload(conversation=await shown(context, await again(context, conversation.id)))


def parent_of(id: str | None, conversation: StoredConversation) -> Address | None:
    if id is None:
        return None
    home, parent = message_address(id, "parentId")
    if home != conversation.id:
        raise BadInputError("parentId", "belongs to another conversation")
    return parent


def caller(context: Context) -> PydanticObjectId:
    """Who asks; the guards have let nobody anonymous through."""
    if context.principal is None:
        raise NotFoundError("User")
    return context.principal.user_id


async def announced(info: Info, conversation: StoredConversation, appended: Appended) -> MessagePayload:
    """The message as it is now; its subscribers hear of it, unless an earlier try told them."""
    context = info.context
    number, address = appended.number, appended.address
    context.loaders.forget(conversation.id)
    current = conversation if number is not None else await again(context, conversation.id)
    await announce_message(context.broker, current, address, again=not appended.fresh, number=number)
    row = None if current.removed or await context.sights.of(current) else appended.row()
    if row is not None and current.answers:
        context.loaders.rows.prime((current.id, address), row)
    await follow(context, current, appended)
    message = Message.of(current, row) if row else await written_message(info, current, address)
    if message is None:
        raise NotFoundError("Message")
    return MessagePayload(message=message)


async def again(context: Context, conversation_id: PydanticObjectId) -> StoredConversation:
    """The conversation, read after a change."""
    context.loaders.forget(conversation_id)
    conversation = await context.loaders.conversations.load(conversation_id)
    if conversation is None:
        raise NotFoundError("Conversation")
    return conversation
