"""Live conversations. The right to read is judged again whenever it may have changed: Strawberry asks guards once."""

from collections.abc import AsyncGenerator
from functools import partial

import orjson
import strawberry

from models.conversation import Conversation as StoredConversation
from models.tree import Address
from permissions.actions import Action
from permissions.guards import SignedIn
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
from resolvers.chat.following import Right
from resolvers.chat.patience import MISSED, made_good, patiently
from resolvers.chat.reach import reached
from resolvers.chat.standing import Standing, nothing
from resolvers.chat.tree import load_message
from resolvers.context import Info
from resolvers.ids import message_id, object_id
from resolvers.live import Delta, Event, Resync, Thinned


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
        conversation = await reached(info.context, stored_id, Action.MESSAGE_READ)
        await info.context.broker.check(channel(stored_id), conversation.news)
        standing = Standing(info.context, stored_id)
        deltas = Deltas(info.context, stored_id, joined=after is None)
        async with info.context.broker.subscribe(channel(stored_id), after) as news:
            lose = info.context.cutoff.losing() if info.context.cutoff is not None else nothing

            def ended() -> None:
                lose()
                news.close()

            with standing.held(ended):
                await standing.judged()
                async for item in news:
                    event = await visible_event(info, standing, item, deltas)
                    if event is None:
                        continue
                    yield event
                    if isinstance(event, AccessRevoked):
                        return
                    if await made_good(info.context):
                        deltas.lost()
                        yield ResyncRequired(cursor=item.cursor, reason=MISSED)
                if standing.over:
                    yield revoked(await standing.judged(), news.cursor)


async def visible_event(
    info: Info, standing: Standing, item: Event | Resync, deltas: Deltas
) -> ConversationEvent | None:
    """What the caller is told of `item`, as his rights are now; None for what he doesn't see.

    INVARIANT: he still had the right when all was loaded that it shows, and the same sight of the conversation.
    """
    delta = Delta.parse(item.payload) if isinstance(item, Event) else None
    if delta is None and changes(item):
        standing.changed(item.cursor)
    if isinstance(item, Resync | Thinned):
        deltas.lost()
    if isinstance(item, Thinned):
        return None
    right = await standing.judged()
    while (conversation := right.conversation) is not None and right:
        if delta is None:
            standing.begin(conversation)
        access = info.context.access
        event = await patiently(info.context, partial(_shown, info, conversation, item, delta, deltas))
        right = await standing.judged()
        if right and (delta is not None or (access is info.context.access and right.conversation is conversation)):
            return event
    return revoked(right, item.cursor)


def revoked(right: Right, cursor: str) -> AccessRevoked:
    """What is told last, and why."""
    decision_id = None if right.decision_id is None else strawberry.ID(right.decision_id)
    return AccessRevoked(cursor=cursor, reason=right.reason, decision_id=decision_id)


def changes(item: Event | Resync) -> bool:
    """Whether more may be another than before than what is written in buckets.

    The first message's alternatives are counted on the conversation, and what was removed is noted there.
    """
    note = orjson.loads(item.payload) if isinstance(item, Event) else {}
    if "message" in note:
        return Address.parse(note["message"]).depth == 0
    return not ("changed" in note and (note.get("ended") or note.get("answer")))


async def _shown(
    info: Info, stored: StoredConversation, item: Event | Resync, delta: Delta | None, deltas: Deltas
) -> ConversationEvent | None:
    if delta is not None:
        return await deltas.event(stored, item.cursor, delta)
    if isinstance(item, Resync):
        return ResyncRequired(cursor=item.cursor, reason=item.reason)
    return await _read(info, stored, item, deltas)


async def _read(info: Info, stored: StoredConversation, item: Event, deltas: Deltas) -> ConversationEvent | None:
    """The event as the schema shows it; what it tells of is as it is now."""
    note = orjson.loads(item.payload)
    if "chosen" in note and note["by"] != str(info.context.principal and info.context.principal.user_id):
        return None
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
