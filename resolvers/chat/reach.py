"""Conversations as far as the caller may reach them: what he may not read looks like what doesn't exist."""

from beanie import PydanticObjectId

from models.conversation import Conversation
from models.tree import Address
from models.tree.errors import MessageNotFoundError
from permissions.actions import Action
from permissions.errors import DeniedError
from permissions.resources import CONVERSATION, MESSAGE, conversation_resource, message_resource
from resolvers.context import Context
from resolvers.errors import NotFoundError
from resolvers.ids import object_id


async def readable(context: Context, conversation_id: PydanticObjectId) -> Conversation | None:
    """The conversation, if it is there and the caller may read it."""
    conversation = await context.loaders.conversations.load(conversation_id)
    if conversation is None or conversation.deleted:
        if conversation is None or not _in_trash(context, conversation):
            context.access.miss(Action.CONVERSATION_READ, CONVERSATION, conversation_id)
        return None
    return (
        conversation if context.access.decide(Action.CONVERSATION_READ, conversation_resource(conversation)) else None
    )


def _in_trash(context: Context, conversation: Conversation) -> bool:
    """Whether the caller may bring it back: he is told of it there, and not denied what he may read."""
    about, ask = conversation_resource(conversation), context.access.consider
    return bool(ask(Action.CONVERSATION_READ, about) and ask(Action.CONVERSATION_DELETE, about))


async def reached(context: Context, conversation_id: PydanticObjectId, action: Action) -> Conversation:
    """The conversation, if the caller may do `action` to it, or to its messages.

    Raises `NotFoundError` where he may not even read it, `DeniedError` where he may do no more than that.
    """
    conversation = await readable(context, conversation_id)
    if conversation is None:
        raise NotFoundError("Conversation")
    about = message_resource if action.resource_type == MESSAGE else conversation_resource
    context.access.require(action, about(conversation))
    return conversation


async def require_seen(context: Context, conversation: Conversation, address: Address) -> None:
    """Raise `MessageNotFoundError` for a place out of the caller's sight, as for one where nothing is."""
    sight = await context.sights.of(conversation)
    if sight is not None and not sight.sees(address):
        raise MessageNotFoundError(str(address))


async def restorable(context: Context, conversation_id: PydanticObjectId) -> Conversation:
    """A conversation that the caller may delete, deleted or not; the errors are those of `reached`."""
    conversation = await context.loaders.conversations.load(conversation_id)
    if conversation is None:
        context.access.miss(Action.CONVERSATION_READ, CONVERSATION, conversation_id)
        raise NotFoundError("Conversation")
    about = conversation_resource(conversation)
    if not context.access.decide(Action.CONVERSATION_READ, about):
        raise NotFoundError("Conversation")
    context.access.require(Action.CONVERSATION_DELETE, about)
    return conversation


async def named(context: Context, conversation_id: str, action: Action) -> Conversation:
    """The same by global id, as an argument `conversationId`."""
    return await reached(context, object_id(conversation_id, "Conversation", "conversationId"), action)


def require_makeable(context: Context, conversation: Conversation) -> None:
    """Raise `DeniedError` unless the caller may make one of such attributes, which guards know nothing of yet."""
    decision = context.access.decide(Action.CONVERSATION_CREATE, conversation_resource(conversation))
    if not decision:
        raise DeniedError(decision, visible=True)
