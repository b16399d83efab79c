"""Asking the assistant: what may be answered, by whose rights, and how much of it at a time.

Whoever answers looks at the same facts again, with the asker's rights as they are then.
"""

from datetime import timedelta
from typing import Final

import structlog
from beanie import PydanticObjectId

from models.answer import OVER, AnswerRequest, request_id
from models.answers import Answers
from models.bucket import MessageRole, MessageStatus
from models.clock import now
from models.conversation import Conversation
from models.tree import Address, Appended, Row
from models.tree.errors import MessageNotFoundError
from permissions.actions import Action
from permissions.errors import DeniedError
from permissions.resources import message_resource
from resolvers.chat.events import announce_answer
from resolvers.chat.reach import reached
from resolvers.chat.writing import Pen
from resolvers.context import Context
from resolvers.errors import BadInputError, ConflictError, NotFoundError, ResolverError, TooFastError
from resolvers.live import Broker, BrokerUnavailableError

_log: Final = structlog.get_logger(__name__)

CHANNEL: Final = "answers"
"""Where whoever answers hears that there is something to do: the id of a request, new or cancelled."""
OF_USER: Final = 8
"""That somebody asked for, and that are not over."""
A_MINUTE: Final = 20
"""That somebody may ask for."""
OF_MESSAGE: Final = 100
"""To one message."""


async def answerable(context: Context, conversation: Conversation, address: Address) -> Row:
    """The message, if the caller may have it answered: read it, answer it himself, and ask the assistant.

    Raises `NotFoundError`, `DeniedError`, `ConflictError`, and `BadInputError` for what no user says.
    """
    for action in (Action.MESSAGE_READ, Action.MESSAGE_ASK, Action.MESSAGE_APPEND):
        context.access.require(action, message_resource(conversation))
    row = await context.loaders.rows.load((conversation.id, address))
    if row is None or row.message.get("deleted_at"):
        raise NotFoundError("Message")
    if row.message["role"] != MessageRole.USER:
        raise BadInputError("messageId", "is not a message of a user")
    if row.message.get("status") == MessageStatus.STREAMING:
        raise ConflictError("the message is being written")
    for action in (Action.MESSAGE_ASK, Action.MESSAGE_APPEND):
        await Pen(context, conversation, action).require(address, forks=False)
    return row


async def question_of(context: Context, conversation_id: PydanticObjectId, address: Address) -> Address:
    """The message that the one at `address` answers, if it is an answer; else the same."""
    await reached(context, conversation_id, Action.MESSAGE_READ)
    row = await context.loaders.rows.load((conversation_id, address))
    answers = row is not None and row.message["role"] == MessageRole.ASSISTANT
    return row.parent if row and row.parent and answers else address


async def ask(context: Context, conversation: Conversation, address: Address, *, again: bool = False) -> AnswerRequest:
    """Have a message answered that is `answerable`: once, or `again` where that is over.

    Raises `TooFastError`, and `ConflictError` where too many are asked for.
    """
    if context.principal is None:
        raise NotFoundError("User")
    answers, asker = Answers(context.db.db), context.principal.user_id
    last = (await answers.latest(conversation.id, [str(address)])).get(str(address))
    if last is not None and not (again and last.as_of(now())[0] in OVER):
        return last
    number = last.number + 1 if last else 0
    if number >= OF_MESSAGE:
        raise ConflictError(f"it was answered {OF_MESSAGE} times: ask something else")
    request = AnswerRequest(
        id=request_id(conversation.id, str(address), number),
        conversation_id=conversation.id,
        message=str(address),
        number=number,
        asker_id=asker,
        circumstances=dict(context.access.env.attributes),
        asked_at=(at := now()),
        due_at=at,
    )
    request, fresh = await answers.ask(request)
    if fresh:
        await _within_limits(answers, request)
        await announce_answer(context.broker, conversation.id, address)
        await tell_workers(context.broker, request.id)
    return request


async def follow(context: Context, conversation: Conversation, appended: Appended) -> None:
    """Have what was appended just now answered, where the conversation wants that and its writer may ask for it.

    Nothing happens where he may not, or asks too much: the message is there, and he can ask for it later.
    """
    if not conversation.answers or appended.message["role"] != MessageRole.USER:
        return
    if not context.access.consider(Action.MESSAGE_ASK, message_resource(conversation)):
        return
    try:
        await answerable(context, conversation, appended.address)
        await ask(context, conversation, appended.address)
    except (DeniedError, ResolverError, MessageNotFoundError) as error:
        _log.info("not answered", kind=type(error).__name__)


async def cancel(context: Context, request: AnswerRequest) -> AnswerRequest:
    """Nobody wants it any more; what is over stays as it is."""
    if request.over:
        return request
    cancelled = await Answers(context.db.db).cancel(request.id) or request
    await announce_answer(context.broker, request.conversation_id, Address.parse(request.message))
    await tell_workers(context.broker, request.id)
    return cancelled


async def tell_workers(broker: Broker, id: str) -> None:
    """Whoever answers hears of it at once, and else finds it by himself."""
    try:
        await broker.publish(CHANNEL, id.encode())
    except BrokerUnavailableError:
        _log.warning("answer not announced")


async def _within_limits(answers: Answers, request: AnswerRequest) -> None:
    """Take it back, and raise, where it is one too many: counted with it, so that many at once are, too."""
    asker, since = request.asker_id, request.asked_at - timedelta(minutes=1)
    if await answers.waiting(asker, OF_USER + 1) > OF_USER:
        await answers.withdraw(request)
        raise ConflictError(f"{OF_USER} answers are on their way to you: wait for one of them, or cancel it")
    if await answers.asked(asker, since, A_MINUTE + 1) > A_MINUTE:
        await answers.withdraw(request)
        raise TooFastError(f"{A_MINUTE} answers a minute may be asked for", 60)
