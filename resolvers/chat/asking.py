"""Answers by the assistant: asked for, generated anew, cancelled."""

import strawberry

from models.answer import AnswerRequest as StoredRequest
from models.conversation import Conversation as StoredConversation
from models.tree import Address
from permissions.actions import Action
from permissions.guards import may
from permissions.resources import conversation_resource
from resolvers.chat import answering
from resolvers.chat.answer import AnswerRequest
from resolvers.chat.mutations import again, caller
from resolvers.chat.reach import reached
from resolvers.chat.tree import Message, load_message
from resolvers.context import Info
from resolvers.errors import NotFoundError
from resolvers.ids import message_address


@strawberry.input(
    description="A message of a user. `regenerate`: give another answer beside the one that is there, which may be "
    "named instead of what it answers; one that is on its way is not begun twice."
)
class RequestAnswerInput:
    """What is to be answered."""

    message_id: strawberry.ID
    regenerate: bool | None = False


@strawberry.input(description="The message that is being answered, or the answer.")
class CancelAnswerInput:
    """Which."""

    message_id: strawberry.ID


@strawberry.type
class AnswerPayload:
    """What becomes of it, and the message that is answered."""

    answer: AnswerRequest
    message: Message


@strawberry.type
class Mutation:
    """Of answers."""

    @strawberry.mutation(
        permission_classes=[may(Action.MESSAGE_ASK)],
        description="Have the assistant answer a message: it is sent the branch up to there, as far as you may read "
        "it, and needs your `message:read` and `message:append` until it is done. Once more, and nothing happens.",
    )
    async def request_answer(self, info: Info, input: RequestAnswerInput) -> AnswerPayload:
        context, anew = info.context, bool(input.regenerate)
        conversation_id, address = message_address(input.message_id, "messageId")
        conversation = await reached(context, conversation_id, Action.MESSAGE_ASK)
        if anew:
            address = await answering.question_of(context, conversation_id, address)
        await answering.answerable(context, conversation, address)
        request = await answering.ask(context, conversation, address, again=anew)
        return await _payload(info, conversation, address, request)

    @strawberry.mutation(
        permission_classes=[may(Action.MESSAGE_ASK)],
        description="Let the assistant stop. What it wrote stays, as an interrupted message. Who asked may do this, "
        "and whoever may change the conversation.",
    )
    async def cancel_answer(self, info: Info, input: CancelAnswerInput) -> AnswerPayload:
        context = info.context
        conversation_id, address = message_address(input.message_id, "messageId")
        conversation = await reached(context, conversation_id, Action.MESSAGE_ASK)
        address = await answering.question_of(context, conversation_id, address)
        request = await context.loaders.answers.load((conversation_id, address))
        if request is None or await context.loaders.rows.load((conversation_id, address)) is None:
            raise NotFoundError("AnswerRequest")
        if request.asker_id != caller(context):
            context.access.require(Action.CONVERSATION_UPDATE, conversation_resource(conversation))
        return await _payload(info, conversation, address, await answering.cancel(context, request))


async def _payload(
    info: Info, conversation: StoredConversation, address: Address, request: StoredRequest
) -> AnswerPayload:
    current = await again(info.context, conversation.id)
    message = await load_message(info, current, address)
    if message is None:
        raise NotFoundError("Message")
    return AnswerPayload(answer=AnswerRequest.of(request, await info.context.sights.of(current)), message=message)
