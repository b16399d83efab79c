"""`conversationListEvents`: what happens to the caller's list of conversations, for a side bar."""

import heapq
from collections.abc import AsyncGenerator, Hashable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import strawberry
from beanie import PydanticObjectId

from models.clock import now
from models.conversation import Conversation as StoredConversation
from models.share import FOREVER
from models.sharing import ends
from permissions.access import Access
from permissions.actions import Action
from permissions.authn.errors import UnauthenticatedError
from permissions.authn.showing import Check
from permissions.guards import SignedIn
from permissions.resources import conversation_resource, message_resource
from permissions.sharing import shared_branches
from resolvers.chat.conversation import Conversation, shown
from resolvers.chat.list_feed import Feeds, following
from resolvers.chat.list_news import Note
from resolvers.chat.list_standing import ListStanding
from resolvers.chat.patience import MISSED, made_good, patiently
from resolvers.context import Context, Info
from resolvers.events import ConversationListEvent, ResyncRequired
from resolvers.ids import encode
from resolvers.live import Event, Resync
from resolvers.live.pacing import Throttle

BURST: Final = 100
"""Events that one subscriber gets as fast as he takes them; further ones at `EVENTS_PER_SECOND`."""
EVENTS_PER_SECOND: Final = 20
"""More than that nobody reads, and each costs the worker a call and an execution: whoever writes in a hundred
conversations at once doesn't keep it busy for each administrator. What waits too long becomes a `ResyncRequired`."""
MOST_ENDS: Final = 1_000
"""Shares whose end is waited for; of further ones the list tells when it is read."""
CHANGED: Final = "what you may see has changed"
DELETED: Final = "it was deleted"
MANY: Final = "many conversations have changed"
LOST: Final = "you may not read it any more"
INSTANT: Final = timedelta(milliseconds=1)


@strawberry.type(description="A conversation is on your list now: it was begun, restored, or shared with you.")
class ConversationAppeared(ConversationListEvent):
    """As it is now."""

    conversation: Conversation


@strawberry.type(
    description="A conversation of your list is another one: its title, tags, attributes or the like. That something "
    "was written in it is told within a second, once for all that is written till then. Where several people change "
    "one at the same moment it may come for one that is not on your list yet: then it is now."
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
        "`conversations` lists for you. Where it isn't they that change, but your roles, attributes or the rules, you "
        "are told once to list them again, by `ResyncRequired`, and not of each that you can't see any more.",
    )
    async def conversation_list_events(
        self, info: Info, after: str | None = None
    ) -> AsyncGenerator[ConversationListEvent, None]:
        context = info.context
        if context.principal is None:
            raise UnauthenticatedError
        standing, reason = ListStanding(context, context.principal.user_id), None
        with standing.held(), context.showing() as show:
            await patiently(context, standing.judge)  # it may have changed before anybody would have told us
            while True:
                standing.changed.clear()
                standing.raise_error()
                async with following(context.broker, standing.channels, after) as (feeds, lost):
                    teller = _Teller(context, standing, feeds)
                    await patiently(context, teller.begin)
                    if why := lost or reason:
                        show(None)
                        yield ResyncRequired(cursor=feeds.cursor, reason=why)
                    async for event in teller.events():
                        show(teller.check(event))
                        yield event
                        if await made_good(context):
                            show(None)
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
        self._ends: list[tuple[datetime, PydanticObjectId]] = []
        self._known_ends: set[tuple[datetime, PydanticObjectId]] = set()
        self._pace: Final = Throttle(BURST, EVENTS_PER_SECOND)

    async def begin(self) -> None:
        """Find out which shares will end."""
        for id_, until in await ends(self._context.db.db, self._standing.grantees, MOST_ENDS):
            self._note_end(id_, until)

    async def events(self) -> AsyncGenerator[ConversationListEvent, None]:
        """Until he may see other conversations, or the broker closes."""
        standing, feeds = self._standing, self._feeds
        while not standing.changed.is_set() and not feeds.closed:
            item = await feeds.next(standing.changed, self._patience())
            await patiently(self._context, self._context.renew)
            if isinstance(item, Resync):
                yield ResyncRequired(cursor=feeds.cursor, reason=item.reason)
            elif item and (event := await patiently(self._context, partial(self._event_of, item))):
                yield event
                await self._pace.keep()
            for until, id_ in list(self._over()):
                if await patiently(self._context, partial(self._gone, id_, until)):
                    yield self._vanished(id_, LOST)

    def check(self, event: ConversationListEvent) -> Check | None:
        """How to look, later, whether he may still see what it shows. Where not, he is told to list them again."""
        if not isinstance(event, ConversationAppeared | ConversationUpdated):
            return None
        shown, by = event.conversation.stored, self._context.access
        return partial(patiently, self._context, partial(self._seen_still, shown, by))

    async def _seen_still(self, shown: StoredConversation, by: Access) -> bool:
        access, stored = await self._context.judged(), await StoredConversation.get(shown.id)
        if stored is not None and not stored.deleted and _sight(access, stored) == _sight(by, shown):
            return True
        self._standing.changed.set()
        return False

    async def _event_of(self, item: Event) -> ConversationListEvent | None:
        """What becomes of a note, as the conversation is now: notes of what many do at once have no order."""
        note = Note.of(item.payload)
        if note is None:
            return ResyncRequired(cursor=self._feeds.cursor, reason=MANY)
        if not self._feeds.first_of(note.channels):
            return None  # it comes, or came, on another one
        is_ = self._standing.sees(note.is_)
        was = is_ if note.was is note.is_ else self._standing.sees(note.was)
        if not (was or is_):
            return None
        for share in note.is_.shares if is_ and note.is_ else ():
            if share.grantee in self._standing.grantees:
                self._note_end(note.id, share.until)
        stored = await self._context.loaders.conversations.load(note.id)
        if stored is not None and self._standing.sees(None if stored.deleted else conversation_resource(stored)):
            kind = ConversationUpdated if was else ConversationAppeared
            return kind(cursor=self._feeds.cursor, conversation=await shown(self._context, stored))
        if is_:
            return None  # that is another one's news, which comes
        return self._vanished(note.id, DELETED if note.is_ is None else LOST)

    async def _gone(self, id_: PydanticObjectId, until: datetime) -> bool:
        """Whether he lost it by the end of a share: what was deleted was told, and what he never saw is not."""
        stored = await self._context.loaders.conversations.load(id_)
        if stored is None or stored.deleted:
            return False
        about = conversation_resource(stored)
        return self._standing.sees(about, until - INSTANT) and not self._standing.sees(about)

    def _vanished(self, id_: PydanticObjectId, reason: str) -> ConversationVanished:
        written = strawberry.ID(encode("Conversation", id_))
        return ConversationVanished(cursor=self._feeds.cursor, conversation_id=written, reason=reason)

    def _note_end(self, id_: PydanticObjectId, until: datetime) -> None:
        end = (until, id_)
        if self._now < until < FOREVER and end not in self._known_ends and len(self._ends) < MOST_ENDS:
            self._known_ends.add(end)
            heapq.heappush(self._ends, end)

    def _over(self) -> Iterator[tuple[datetime, PydanticObjectId]]:
        """INVARIANT: at the moment by which he was judged last, not a later one: by that he might see them still."""
        while self._ends and self._ends[0][0] <= self._now:
            end = heapq.heappop(self._ends)
            self._known_ends.discard(end)
            yield end

    @property
    def _now(self) -> datetime:
        return self._context.access.env.time

    def _patience(self) -> float | None:
        return max(0.0, (self._ends[0][0] - now()).total_seconds()) if self._ends else None


def _sight(access: Access, stored: StoredConversation) -> Hashable:
    """What he may do, and see, of a conversation: all that is shown of it hangs on that."""
    about, seen = message_resource(stored), (Action.MESSAGE_READ, Action.MESSAGE_READ_METADATA)
    branches = [shared_branches(access, stored, action) for action in seen]
    return *access.permitted(conversation_resource(stored), about), *branches
