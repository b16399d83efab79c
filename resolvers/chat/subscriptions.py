"""Live conversations. The right to read is judged again for every event: Strawberry asks its guards only once."""

from collections.abc import AsyncGenerator

import orjson
import strawberry
from beanie import PydanticObjectId

from models.conversation import Conversation as StoredConversation
from models.tree import Address
from permissions.actions import Action
from permissions.engine.decision import Decision
from permissions.guards import SignedIn
from permissions.resources import conversation_resource, message_resource
from resolvers.chat.conversation import shown
from resolvers.chat.deltas import Deltas
from resolvers.chat.events import (
    AccessRevoked,
    ConversationChanged,
    ConversationEvent,
    MessageAdded,
    MessageChanged,
    MessageDeleted,
    ResyncRequired,
    channel,
)
from resolvers.chat.reach import reached
from resolvers.chat.tree import load_message
from resolvers.context import Context, Info
from resolvers.ids import message_id, object_id
from resolvers.live import Delta, Event, Resync


@strawberry.type
class Subscription:
    """Of everything."""

    @strawberry.subscription(
        permission_classes=[SignedIn],
        description="What happens in a conversation from now on, or since the event with the cursor `after`.",
    )
    async def conversation_events(
        self, info: Info, conversation_id: strawberry.ID, after: str | None = None
    ) -> AsyncGenerator[ConversationEvent, None]:
        stored_id = object_id(conversation_id, "Conversation", "conversationId")
        await reached(info.context, stored_id, Action.MESSAGE_READ)
        deltas = Deltas(info.context, stored_id, joined=after is None)
        async with info.context.broker.subscribe(channel(stored_id), after) as news:
            async for item in news:
                event = await _told(info, stored_id, item, deltas)
                if event is None:
                    continue
                yield event
                if isinstance(event, AccessRevoked):
                    return


async def _told(
    info: Info, conversation_id: PydanticObjectId, item: Event | Resync, deltas: Deltas
) -> ConversationEvent | None:
    """What the caller is told of `item`, as his rights are now; None for what he doesn't see.

    Of a message that is being written much comes in a second: then they are as they were within it.
    """
    delta = Delta.parse(item.payload) if isinstance(item, Event) else None
    if delta is not None and (known := deltas.known) is not None:
        return await deltas.event(known, item.cursor, delta)
    await info.context.renew()
    stored = await info.context.loaders.conversations.load(conversation_id)
    if stored is None or stored.deleted:
        return AccessRevoked(cursor=item.cursor, reason="the conversation is gone", decision_id=None)
    decision = _may_follow(info.context, stored)
    if not decision:
        return AccessRevoked(
            cursor=item.cursor,
            reason="you may not read the conversation any more",
            decision_id=strawberry.ID(decision.id),
        )
    deltas.judged(stored)
    if delta is not None:
        return await deltas.event(stored, item.cursor, delta)
    if isinstance(item, Resync):
        deltas.lost()
        return ResyncRequired(cursor=item.cursor, reason=item.reason)
    return await _read(info, stored, item, deltas)


def _may_follow(context: Context, stored: StoredConversation) -> Decision:
    """The decision that refuses the caller, if one does: news of a conversation is news of its messages."""
    read = context.access.decide(Action.CONVERSATION_READ, conversation_resource(stored))
    return context.access.decide(Action.MESSAGE_READ, message_resource(stored)) if read else read


async def _read(info: Info, stored: StoredConversation, item: Event, deltas: Deltas) -> ConversationEvent | None:
    """The event as the schema shows it; what it tells of is as it is now."""
    note = orjson.loads(item.payload)
    place = note.get("message") or note.get("changed") or note.get("deleted")
    if place is None:
        return ConversationChanged(cursor=item.cursor, conversation=await shown(info.context, stored))
    address, sight = Address.parse(place), await info.context.sights.of(stored)
    if sight is not None and not sight.sees(address):
        return None
    if "deleted" in note:
        return MessageDeleted(cursor=item.cursor, message_id=strawberry.ID(message_id(stored.id, address)))
    message = await load_message(info, stored, address)
    if message is None:
        return ResyncRequired(cursor=item.cursor, reason="the message is gone")
    deltas.told(message)
    if "changed" in note:
        return MessageChanged(cursor=item.cursor, message=message)
    return MessageAdded(cursor=item.cursor, message=message)
