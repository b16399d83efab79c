"""News of conversations: small notes on the broker, read back as what the schema shows."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
import strawberry
import structlog
from beanie import PydanticObjectId

from models import news
from models.conversation import Conversation as StoredConversation
from models.tree import Address
from resolvers.chat.conversation import Conversation
from resolvers.chat.list_news import announce_moved
from resolvers.chat.tree import Message
from resolvers.events import AccessRevoked, ConversationEvent, ResyncRequired
from resolvers.live import Broker, BrokerUnavailableError
from resolvers.live.standings import CHANGES

__all__ = [
    "EVENTS",
    "AccessRevoked",
    "ConversationChanged",
    "ConversationEvent",
    "MessageAdded",
    "MessageChanged",
    "MessageDeleted",
    "MessageDelta",
    "ResyncRequired",
]

_log: Final = structlog.get_logger(__name__)


@strawberry.type
class MessageAdded(ConversationEvent):
    """A message was appended."""

    message: Message


@strawberry.type(
    description="A message is another than it was: it was restored, is not being written any more, or its "
    "`answer` is in another state."
)
class MessageChanged(ConversationEvent):
    """As it is now."""

    message: Message


@strawberry.type(
    description="A piece of a message that is being written. What the message said up to `offset` stands, and `text` "
    "follows it. Who comes in the middle gets all that had come as its first piece, with `offset` 0."
)
class MessageDelta(ConversationEvent):
    """Where, and what."""

    message_id: strawberry.ID
    offset: int = strawberry.field(description="In bytes of UTF-8.")
    text: str


@strawberry.type(description="A message was deleted, alone or with everything below it: read what is left.")
class MessageDeleted(ConversationEvent):
    """Which."""

    message_id: strawberry.ID


@strawberry.type
class ConversationChanged(ConversationEvent):
    """Title, tags, attributes or the like."""

    conversation: Conversation


EVENTS: Final = [
    MessageAdded,
    MessageDelta,
    MessageChanged,
    MessageDeleted,
    ConversationChanged,
    AccessRevoked,
    ResyncRequired,
]


PREFIX: Final = "conversation:"


def channel(conversation_id: PydanticObjectId) -> str:
    """Where a conversation's news goes."""
    return f"{PREFIX}{conversation_id}"


async def announce_message(
    broker: Broker, conversation: StoredConversation, address: Address, *, again: bool, number: int | None = None
) -> None:
    """A message was stored at `address`; `again`: by an earlier try, which may have died before it announced it.

    `conversation`, here and below: as it was read after that, so that it tells the number of the change; where that
    `number` is known, it may have been read before.
    """
    announce_moved(broker, conversation)
    note = {"message": str(address)}
    number = conversation.number_of(news.appended(address)) if number is None else number
    await _announce(broker, conversation.id, note, again=again, number=number)


async def announce_deletion(broker: Broker, conversation: StoredConversation, address: Address) -> None:
    """The message at `address` was deleted, alone or with its subtree."""
    announce_moved(broker, conversation)
    number = conversation.number_of(news.deleted(address))
    await _announce(broker, conversation.id, {"deleted": str(address)}, number=number)


async def announce_restoration(broker: Broker, conversation: StoredConversation, address: Address) -> None:
    """The message at `address` is back."""
    announce_moved(broker, conversation)
    number = conversation.number_of(news.restored(address))
    await _announce(broker, conversation.id, {"changed": str(address)}, number=number)


async def announce_end(
    broker: Broker, conversation: StoredConversation, address: Address, *, again: bool = False
) -> None:
    """The message at `address` is whole, or its writer has fallen silent; `again` as in `announce_message`."""
    announce_moved(broker, conversation)
    note, number = {"changed": str(address), "ended": True}, conversation.number_of(news.ended(address))
    await _announce(broker, conversation.id, note, again=again, number=number)


async def announce_answer(broker: Broker, conversation_id: PydanticObjectId, address: Address) -> None:
    """It is another matter now with the answer that was asked for to the message at `address`."""
    await _announce(broker, conversation_id, {"changed": str(address), "answer": True})


async def announce_choice(
    broker: Broker, conversation_id: PydanticObjectId, user_id: PydanticObjectId, branch: str
) -> None:
    """He has chosen another branch: his other devices are told, and nobody else."""
    await _announce(broker, conversation_id, {"chosen": branch, "by": str(user_id)})


async def announce_change(broker: Broker, conversation_id: PydanticObjectId, number: int | None = None) -> None:
    """The conversation itself has changed: its followers are told, and each worker, which judges them anew."""
    await _announce(broker, conversation_id, {"conversation": True}, number=number)
    await _publish(broker, CHANGES, str(conversation_id).encode())


async def _announce(
    broker: Broker,
    conversation_id: PydanticObjectId,
    note: Mapping[str, Any],
    *,
    again: bool = False,
    number: int | None = None,
) -> None:
    await _publish(broker, channel(conversation_id), orjson.dumps(note), again=again, number=number)


async def _publish(
    broker: Broker, name: str, payload: bytes, *, again: bool = False, number: int | None = None
) -> None:
    """The write is done, so a broker that is away is no reason to fail: its subscribers will be told to resync."""
    try:
        await broker.publish(name, payload, again=again, number=number)
    except BrokerUnavailableError:
        _log.warning("event not announced", channel=name)
