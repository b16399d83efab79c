"""`conversationListEvents`: what happens to the caller's list of conversations, for a side bar."""

import heapq
import time
from collections.abc import AsyncGenerator, Iterator
from functools import partial
from typing import Final

import strawberry
from beanie import PydanticObjectId

from models.sharing import ends
from permissions.authn.errors import UnauthenticatedError
from permissions.guards import SignedIn
from permissions.resources import conversation_resource
from resolvers.chat.conversation import Conversation, shown
from resolvers.chat.list_feed import Feeds, following
from resolvers.chat.list_news import Note
from resolvers.chat.list_standing import ListStanding
from resolvers.chat.patience import MISSED, made_good, patiently
from resolvers.context import Context, Info
from resolvers.events import ConversationListEvent, ResyncRequired
from resolvers.ids import encode
from resolvers.live import Event, Resync

MOST_ENDS: Final = 1_000
"""Shares whose end is waited for; of further ones the list tells when it is read."""
CHANGED: Final = "what you may see has changed"
DELETED: Final = "it was deleted"
MANY: Final = "many conversations have changed"
LOST: Final = "you may not read it any more"


@strawberry.type(description="A conversation is on your list now: it was begun, restored, or shared with you.")
class ConversationAppeared(ConversationListEvent):
    """As it is now."""

    conversation: Conversation


@strawberry.type(
    description="A conversation of your list is another one: its title, tags, attributes or the like. That something "
    "was written in it is told within a second, once for all that is written till then."
)
class ConversationUpdated(ConversationListEvent):
    """As it is now."""

    conversation: Conversation


@strawberry.type(description="A conversation is not on your list any more.")
class ConversationVanished(ConversationListEvent):
    """Which, and why."""

    conversation_id: strawberry.ID
    reason: str


LIST_EVENTS: Final = [ConversationAppeared, ConversationUpdated, ConversationVanished]


@strawberry.type
class Subscription:
    """Of the list."""

    @strawberry.subscription(
        permission_classes=[SignedIn],
        description="What happens from now on, or since the event with the cursor `after`, to the conversations that "
        "`conversations` lists for you.",
    )
    async def conversation_list_events(
        self, info: Info, after: str | None = None
    ) -> AsyncGenerator[ConversationListEvent, None]:
        context = info.context
        if context.principal is None:
            raise UnauthenticatedError
        standing, reason = ListStanding(context, context.principal.user_id), None
        with standing.held():
            while True:
                standing.changed.clear()
                standing.raise_error()
                async with following(context.broker, standing.channels, after) as (feeds, lost):
                    teller = _Teller(context, standing, feeds)
                    await patiently(context, teller.begin)
                    if why := lost or reason:
                        yield ResyncRequired(cursor=feeds.cursor, reason=why)
                    async for event in teller.events():
                        yield event
                        if await made_good(context):
                            yield ResyncRequired(cursor=feeds.cursor, reason=MISSED)
                    if feeds.closed:
                        return
                after, reason = None, CHANGED


class _Teller:
    """Tells one subscriber, for as long as he may see the same."""

    def __init__(self, context: Context, standing: ListStanding, feeds: Feeds) -> None:
        self._context: Final = context
        self._standing: Final = standing
        self._feeds: Final = feeds
        self._ends: list[tuple[float, PydanticObjectId]] = []
        self._known_ends: set[tuple[float, PydanticObjectId]] = set()

    async def begin(self) -> None:
        """Find out which shares will end."""
        for id_, until in await ends(self._context.db.db, self._standing.grantees, MOST_ENDS):
            self._note_end(id_, until.timestamp())

    async def events(self) -> AsyncGenerator[ConversationListEvent, None]:
        """Until he may see other conversations, or the broker closes."""
        standing, feeds = self._standing, self._feeds
        while not standing.changed.is_set() and not feeds.closed:
            item = await feeds.next(standing.changed, self._patience())
            await patiently(self._context, self._context.renew)
            if isinstance(item, Resync):
                yield ResyncRequired(cursor=feeds.cursor, reason=item.reason)
            elif item and not feeds.known(item.payload) and (event := await self._patiently_told(item)):
                yield event
            for id_ in list(self._over()):
                if await patiently(self._context, partial(self._gone, id_)):
                    yield self._vanished(id_, LOST)

    async def _patiently_told(self, item: Event) -> ConversationListEvent | None:
        return await patiently(self._context, partial(self._told, item))

    async def _told(self, item: Event) -> ConversationListEvent | None:
        note = Note.of(item.payload)
        if note is None:
            return ResyncRequired(cursor=self._feeds.cursor, reason=MANY)
        is_ = self._standing.sees(note.is_)
        was = is_ if note.was is note.is_ else self._standing.sees(note.was)
        if was and not is_:
            return self._vanished(note.id, DELETED if note.is_ is None else LOST)
        if not is_ or note.is_ is None:
            return None
        for share in note.is_.shares:
            if share.grantee in self._standing.grantees:
                self._note_end(note.id, share.until.timestamp())
        stored = await self._context.loaders.conversations.load(note.id)
        if stored is None or not self._standing.sees(None if stored.deleted else conversation_resource(stored)):
            return None  # that is another one's news, which comes
        conversation = await shown(self._context, stored)
        kind = ConversationUpdated if was else ConversationAppeared
        return kind(cursor=self._feeds.cursor, conversation=conversation)

    async def _gone(self, id_: PydanticObjectId) -> bool:
        """Whether he lost it by the end of a share: what was deleted was told."""
        stored = await self._context.loaders.conversations.load(id_)
        if stored is None or stored.deleted:
            return False
        return not self._standing.sees(conversation_resource(stored))

    def _vanished(self, id_: PydanticObjectId, reason: str) -> ConversationVanished:
        written = strawberry.ID(encode("Conversation", id_))
        return ConversationVanished(cursor=self._feeds.cursor, conversation_id=written, reason=reason)

    def _note_end(self, id_: PydanticObjectId, until: float) -> None:
        end = (until, id_)
        if time.time() < until < _NEVER and end not in self._known_ends and len(self._ends) < MOST_ENDS:
            self._known_ends.add(end)
            heapq.heappush(self._ends, end)

    def _over(self) -> Iterator[PydanticObjectId]:
        while self._ends and self._ends[0][0] <= time.time():
            end = heapq.heappop(self._ends)
            self._known_ends.discard(end)
            yield end[1]

    def _patience(self) -> float | None:
        return max(0.0, self._ends[0][0] - time.time()) if self._ends else None


_NEVER: Final = 200_000_000_000.0
"""Shares without an end have one in the year 9999."""
