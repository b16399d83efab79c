"""`sessionEvents`: what happens to one's sessions, and as the last event why one's own is over."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import datetime
from typing import Any

import orjson
import strawberry

from models.clock import now
from permissions.actions import Action
from permissions.authn.cutoff import Cut, Cutoff
from permissions.authn.errors import UnauthenticatedError
from permissions.authn.principal import Principal
from permissions.guards import SignedIn
from permissions.resources import session_resource
from resolvers.account.session_events import (
    SessionEnded,
    SessionEvent,
    SessionOpened,
    SessionsChanged,
    channel,
    session_gid,
)
from resolvers.account.types import Session
from resolvers.context import Context, Info
from resolvers.live import Event, Resync


@strawberry.type
class Subscription:
    """Of one's own sessions."""

    @strawberry.subscription(
        permission_classes=[SignedIn],
        description="What happens to your sessions from now on. When the one that asks is over, the last event tells "
        "why, and the socket is closed with 4403; with 4401 when only its access token has expired.",
    )
    async def session_events(self, info: Info) -> AsyncGenerator[SessionEvent, None]:
        context, principal = info.context, info.context.principal
        cutoff = context.cutoff or Cutoff()
        if principal is None:
            raise UnauthenticatedError
        context.access.require(Action.SESSION_READ, _own(principal))
        async with context.broker.subscribe(channel(principal.user_id)) as news:
            with cutoff.told():
                async with aclosing(_merged(news, cutoff)) as items:
                    async for item in items:
                        for event in await _events_of(context, principal, item):
                            yield event


async def _merged(news: AsyncIterator[Event | Resync], cutoff: Cutoff) -> AsyncGenerator[Event | Resync | Cut, None]:
    """The news, until it is over."""
    over, coming = asyncio.ensure_future(cutoff.wait()), asyncio.ensure_future(anext(news, None))
    try:
        while True:
            await asyncio.wait({over, coming}, return_when=asyncio.FIRST_COMPLETED)
            if over.done():
                yield over.result()
                return
            item = coming.result()
            if item is None:  # the broker closes
                return
            yield item
            coming = asyncio.ensure_future(anext(news, None))
    finally:
        for each in (over, coming):
            each.cancel()
        await asyncio.gather(over, coming, return_exceptions=True)


async def _events_of(context: Context, principal: Principal, item: Event | Resync | Cut) -> list[SessionEvent]:
    """What the caller is told of `item`, as his rights are now; of the end of his own session always."""
    if isinstance(item, Cut):
        over = item.reason and SessionEnded.own(principal.user_id, principal.session_id, item.reason)
        return [over] if over else []
    await context.renew()
    if not context.access.decide(Action.SESSION_READ, _own(principal)):
        return []
    if isinstance(item, Resync):
        return [SessionsChanged(at=now(), reason=item.reason)]
    note = orjson.loads(item.payload)
    at = datetime.fromisoformat(note["at"])
    return _ended(principal, note, at) if "ended" in note else await _opened(context, principal, note, at)


def _ended(principal: Principal, note: dict[str, Any], at: datetime) -> list[SessionEvent]:
    return [
        SessionEnded(at=at, session_id=session_gid(principal.user_id, each), reason=note["reason"], current=False)
        for each in note["ended"]
        if each != principal.session_id
    ]


async def _opened(context: Context, principal: Principal, note: dict[str, Any], at: datetime) -> list[SessionEvent]:
    if note["opened"] == principal.session_id:
        return []
    living = await context.accounts.sessions_of(principal.user_id)
    return [
        SessionOpened(at=at, session=Session.of(each, None, context.accounts), new_device=note["new_device"])
        for each in living
        if each.id == note["opened"]
    ]


def _own(principal: Principal) -> Any:
    return session_resource(principal.session_id, principal.user_id)
