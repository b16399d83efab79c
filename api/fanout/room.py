"""A conversation that is followed: its news is read once, and told to groups of those who follow."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import orjson
import structlog
from beanie import PydanticObjectId
from redis.exceptions import RedisError

from api.fanout.admission import Turn
from api.fanout.farewells import finish
from api.fanout.members import Member, Outlet
from api.fanout.places import Places
from api.fanout.questions import Asked
from api.fanout.rendering import Renderer
from api.fanout.solo import Soloists
from api.fanout.telling import Telling
from models.tree import Address
from resolvers.chat.events import channel
from resolvers.chat.subscriptions import changes
from resolvers.context import Context
from resolvers.errors import NotFoundError
from resolvers.live import Delta, Event, Resync, Thinned
from resolvers.live.broker import Position

_log: Final = structlog.get_logger(__name__)


class Room:
    """One conversation."""

    def __init__(
        self,
        conversation_id: PydanticObjectId,
        context: Context,
        renderer: Renderer,
        capacity: int,
        forget: "Callable[[Room], None]",
    ) -> None:
        self.conversation_id: Final = conversation_id
        self.closed = False
        """Whether its news is not read any more."""
        self._members = 0
        self._forget: Final = forget
        self._renderer: Final = renderer
        self._broker: Final = context.broker
        self._texts: Final = context.texts
        self._standings: Final = context.standings
        self._turn: Final = asyncio.Lock()
        self._places: Final = Places(conversation_id, renderer, context.standings, capacity)
        self._solo: Final = Soloists(
            conversation_id, renderer, context.broker, context.standings, self._places, self._turn
        )
        self._telling: Final = Telling(renderer, context.standings.store, self._places, self._solo)
        self._checking: Final = asyncio.Lock()
        self._out = -1
        """The number of the news up to which all is known to be out."""
        self._open: Final[asyncio.Future[None]] = asyncio.get_running_loop().create_future()
        self._reading: asyncio.Task[None] | None = asyncio.create_task(self._read(), name="news of a conversation")

    async def opened(self) -> None:
        """Return when its news is heard. Raises what keeps it from being heard."""
        await asyncio.shield(self._open)

    async def _all_out(self, number: int) -> None:
        """Return when the news up to `number` is out, or told as missed."""
        if number > self._out:
            async with self._checking:
                if number > self._out and await self._broker.check(channel(self.conversation_id), number):
                    self._out = number

    def let_in(self, asked: Asked, context: Context, outlet: Outlet) -> Member:
        """One more; he is told nothing before he has joined."""
        self._members += 1
        return Member(asked, context, outlet, self)

    async def join(self, member: Member, turn: Turn) -> None:
        """Tell him what happens, and first what he has missed. Return when he needs no task of his own any more.

        His `turn` is over before that: he may read slowly.
        """
        if not await member.settle() or member.standing.conversation is None:
            raise NotFoundError("Conversation")
        await self._all_out(member.standing.conversation.news)
        after = member.asked.after
        deltas = self._places.texts_of(member)
        if self._is_at(after):
            async with self._turn:
                if self._is_at(after) and self._places.admit(member, deltas, self._places.position):
                    return
        turn.end()
        await self._solo.catch_up(member, deltas)

    def _is_at(self, cursor: str | None) -> bool:
        return cursor is None or cursor == str(self._places.position)

    async def follow(self, member: Member) -> None:
        """As of any home."""
        await self._solo.follow(member)

    def lost(self, member: Member) -> None:
        """As of any home."""
        self._solo.lost(member)

    def left(self, member: Member) -> None:
        """Once for each who was let in."""
        self._places.part(member)
        self._solo.left(member)
        self._members -= 1
        if not self._members:
            self._forget(self)
            reading, self._reading = self._reading, None  # it refers to this, by where it was broken off
            if reading is not None:
                reading.cancel()
            self._solo.close()

    async def _read(self) -> None:
        try:
            async with self._broker.subscribe(channel(self.conversation_id)) as news:
                self._places.position = Position.of(news.cursor)
                self._places.growing.update(await self._texts.written(self.conversation_id))
                self._open.set_result(None)
                async for item in news:
                    async with self._turn:
                        await self._take(item)
        except Exception as error:
            if not self._open.done():
                self._open.set_exception(error)
                self._open.exception()  # whoever waits is told; perhaps nobody does any more
                return
            _log.exception("a conversation's news is not read any more", kind=type(error).__name__)
        finally:
            self.closed = True
        for member in self._places:
            self._places.part(member)
            member.work(finish(member.outlet))

    async def _take(self, item: Event | Resync) -> None:
        if isinstance(item, Thinned):
            await self._start_texts_anew()
            return
        position = Position.of(item.cursor)
        delta = Delta.parse(item.payload) if isinstance(item, Event) else None
        note = orjson.loads(item.payload) if isinstance(item, Event) and delta is None else {}
        if delta is not None:
            self._places.growing.add(delta.address)
        elif changes(item):
            self._standings.conversation_changed(self.conversation_id, position)
        await self._telling.tell(item, position, note)
        self._places.position = position
        if isinstance(item, Resync):
            await self._start_texts_anew()
        for over in (note.get("deleted"), note.get("changed") if note.get("ended") else None):
            if over is not None:
                self._places.growing.discard(Address.parse(over))

    async def _start_texts_anew(self) -> None:
        for group in self._places.groups.values():
            group.deltas.lost()
        with suppress(RedisError):
            self._places.growing = set(await self._texts.written(self.conversation_id))
