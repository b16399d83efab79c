"""Events: what is told of them is executed once for each, with the event as its root."""

from contextlib import suppress
from random import Random
from types import SimpleNamespace
from typing import Any

import strawberry

from permissions.authn.errors import UnauthenticatedError
from permissions.errors import DeniedError
from resolvers.chat.conversation import shown
from resolvers.chat.events import ConversationChanged, MessageAdded, MessageChanged, MessageDeleted
from resolvers.chat.list_events import ConversationAppeared, ConversationUpdated
from resolvers.chat.tree import load_message
from resolvers.events import AccessRevoked, ResyncRequired
from tests.differential import broken
from tests.differential.broken.things import Thing
from tests.differential.cases import Case
from tests.isolation.tenants import World

CURSOR = "1-1"


async def happened(world: World, case: Case, context: Any) -> Any:
    """Something in the world, as it is shown to the caller; it is not asked whether he may see it."""
    chance = Random(case.event)
    name = chance.choice(sorted(world.places))
    place = world.places[name]
    stored, info = world.chats[place.chat], SimpleNamespace(context=context)
    message = None
    with suppress(DeniedError, UnauthenticatedError):
        message = await load_message(info, stored, place.address)  # type: ignore[arg-type]
    conversation = await shown(context, stored)
    some: list[Any] = [
        MessageDeleted(cursor=CURSOR, message_id=strawberry.ID(name)),
        ConversationChanged(cursor=CURSOR, conversation=conversation),
        ConversationAppeared(cursor=CURSOR, conversation=conversation),
        ConversationUpdated(cursor=CURSOR, conversation=conversation),
        AccessRevoked(cursor=CURSOR, reason="x", decision_id=None),
        ResyncRequired(cursor=CURSOR, reason="x"),
        None,
    ]
    if message is not None:
        some += [kind(cursor=CURSOR, message=message) for kind in (MessageAdded, MessageChanged) for _ in range(4)]
    return chance.choice(some)


async def broke(case: Case, context: broken.Broken) -> Any:
    """Something of the schema whose resolvers break."""
    thing = Thing(context, f"event {case.event}")
    return thing.quietly("event", lambda fate: thing if fate.random() < 0.7 else thing.named(fate))
