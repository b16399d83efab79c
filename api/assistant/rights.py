"""Who asks and who writes: an answer takes the rights of both, as they are now."""

from dataclasses import dataclass, replace
from typing import Final

from api.assistant.desk import Desk
from api.assistant.failures import ForbiddenError
from api.contexts import ServedContext, acting
from models.answer import AnswerRequest
from models.conversation import Conversation
from models.tree import Address, Row
from permissions.actions import Action
from permissions.engine.facts import Resource
from permissions.resources import message_resource
from resolvers.chat.answering import answerable
from resolvers.chat.reach import reached
from resolvers.errors import NotFoundError

ASKED: Final = "asked"
"""The fact by which the assistant's role lets it write; it stands above any attribute of that name."""


@dataclass(frozen=True, slots=True)
class Parties:
    """Both, and the message that is to be answered."""

    asker: ServedContext
    writer: ServedContext
    conversation: Conversation
    row: Row

    async def current(self) -> Conversation:
        """The conversation as it is after a write."""
        self.writer.loaders.forget(self.conversation.id)
        return await self.writer.loaders.conversations.load(self.conversation.id) or self.conversation


async def judged(desk: Desk, request: AnswerRequest) -> Parties:
    """Both, if they may as of now; the decisions are written down. Raises as `answerable`, and `ForbiddenError`."""
    asker = await acting(desk.services, request.asker_id, request.circumstances)
    writer = await acting(desk.services, desk.account_id, {})
    try:
        conversation = await _reached(asker, request)
        row = await answerable(asker, conversation, Address.parse(request.message))
        writer.access.require(Action.MESSAGE_APPEND, asked(conversation))
    finally:
        await asker.settle()
        await writer.settle()
    return Parties(asker, writer, conversation, row)


def asked(conversation: Conversation) -> Resource:
    """A conversation's messages, where the assistant was asked for one."""
    about = message_resource(conversation)
    return replace(about, attributes={**about.attributes, ASKED: True})


async def _reached(asker: ServedContext, request: AnswerRequest) -> Conversation:
    """A conversation that he may not even read is another matter for us than one that is gone."""
    try:
        return await reached(asker, request.conversation_id, Action.MESSAGE_ASK)
    except NotFoundError:
        conversation = await asker.loaders.conversations.load(request.conversation_id)
        if conversation is None or conversation.deleted:
            raise
        raise ForbiddenError from None
