"""Conversations that are followed by this worker: news is read once, and told to groups of those who follow."""

import asyncio
from collections.abc import Hashable
from contextlib import suppress
from typing import Final

import orjson
import structlog
from beanie import PydanticObjectId
from redis.exceptions import RedisError

from api.fanout.groups import Group, passed, told
from api.fanout.log import CAPACITY, AnswerLog
from api.fanout.members import Member, Outlet
from api.fanout.questions import Asked, Question
from api.fanout.rendering import Renderer
from models.bucket import MessageStatus
from models.tree import Address
from resolvers.chat.deltas import Deltas
from resolvers.chat.events import (
    AccessRevoked,
    ConversationEvent,
    MessageAdded,
    MessageChanged,
    ResyncRequired,
    channel,
)
from resolvers.chat.patience import MISSED, made_good
from resolvers.chat.subscriptions import changes, revoked
from resolvers.context import Context
from resolvers.errors import NotFoundError
from resolvers.live import Delta, Event, Resync, Thinned
from resolvers.live.broker import Position
from resolvers.live.standings import UNJUDGED

_log: Final = structlog.get_logger(__name__)

ALIKE: Final = frozenset({"message", "changed", "deleted", "conversation", "ended", "answer"})
"""What notes say that is told alike to all who see where it was. Of any other each is told by himself."""
BEHIND: Final = "more events were waiting to be read than are kept"
MOVED: Final = "what you may see has changed while events were waiting to be read"
GROUPS: Final = 20
"""Groups for which an event is rendered at a time."""


class Rooms:
    """One a worker. `capacity` are the answers that may wait for a slow reader."""

    def __init__(self, renderer: Renderer, capacity: int = CAPACITY) -> None:
        self.renderer: Final = renderer
        self.capacity: Final = capacity
        self._rooms: Final[dict[PydanticObjectId, Room]] = {}

    async def enter(self, asked: Asked, context: Context, outlet: Outlet) -> Member:
        """Somebody follows from now on, until he `leave`s. Raises `NotFoundError` where he may not."""
        context.access.require_signed_in()
        room = self._room(asked.conversation_id, context)
        member = room.let_in(asked, context, outlet)
        try:
            await room.opened()
            member.hold()
            await room.join(member)
        except BaseException:
            member.leave()
            raise
        return member

    async def fail(self, outlet: Outlet, error: Exception) -> None:
        """Tell somebody that `error` has ended what he was told."""
        await _finish(outlet, self.renderer.failed(error))

    def _room(self, id_: PydanticObjectId, context: Context) -> "Room":
        room = self._rooms.get(id_)
        if room is None or room.closed:
            room = self._rooms[id_] = Room(self, id_, context)
        return room

    def forget(self, room: "Room") -> None:
        """Nobody is there any more."""
        if self._rooms.get(room.conversation_id) is room:
            del self._rooms[room.conversation_id]


class Room:
    """One conversation."""

    def __init__(self, rooms: Rooms, conversation_id: PydanticObjectId, context: Context) -> None:
        self.conversation_id: Final = conversation_id
        self.closed = False
        """Whether its news is not read any more."""
        self._members = 0
        self._rooms: Final = rooms
        self._renderer: Final = rooms.renderer
        self._broker: Final = context.broker
        self._texts: Final = context.texts
        self._standings: Final = context.standings
        self._groups: Final[dict[tuple[Question, Hashable], Group]] = {}
        self._growing: set[Address] = set()
        """Messages of which more is to come."""
        self._position = Position(0, 0)
        self._turn: Final = asyncio.Lock()
        self._checking: Final = asyncio.Lock()
        self._out = -1
        """The number of the news up to which all is known to be out."""
        self._open: Final[asyncio.Future[None]] = asyncio.get_running_loop().create_future()
        self._reading: Final = asyncio.create_task(self._read(), name="news of a conversation")

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
        return Member(asked, context, outlet, self._leave)

    async def join(self, member: Member) -> None:
        """Tell him what happens, and first what he has missed. Return when he needs no task of his own any more."""
        if not await member.settle() or member.standing.conversation is None:
            raise NotFoundError("Conversation")
        await self._all_out(member.standing.conversation.news)
        after = member.asked.after
        deltas = self._texts_of(member)
        if after is None or after == str(self._position):
            async with self._turn:
                if (after is None or after == str(self._position)) and self._admit(member, deltas, self._position):
                    return
        await self._catch_up(member, deltas)

    def _leave(self, member: Member) -> None:
        """Once for each who was let in."""
        self._part(member)
        self._members -= 1
        if not self._members:
            self._rooms.forget(self)
            self._reading.cancel()

    async def follow(self, member: Member) -> None:
        """Have him read what he is behind by."""
        try:
            await self._follow(member)
        except Exception as error:
            self._part(member)
            await _finish(member.outlet, self._renderer.failed(error))

    async def _follow(self, member: Member) -> None:
        while (group := member.group) is not None:
            if not (member.settled and self._standings.store.fresh):
                async with self._turn:
                    body = await self._resettle(member)
                    group = member.group
                if group is None:
                    return
                if body is not None:
                    await _give(member.outlet, body)
                continue
            if member.number == group.log.last:
                member.task = None
                return
            answer = group.log.after(member.number)
            if answer is None:
                async with self._turn:
                    body = await group.resync(member, BEHIND)
                await _give(member.outlet, body)
            elif not passed(member, answer.position):
                member.number = answer.number
            else:
                await member.outlet.ready()
                if member.settled and member.group is group and member.outlet.write(answer.body):
                    member.number = answer.number

    async def _resettle(self, member: Member) -> bytes | None:
        """Judge him anew; what he is told where he has come to another group with answers not read."""
        before = member.group
        if before is None or not await member.settle():
            return None
        behind = member.number != before.log.last
        agrees = self._place(member)
        if member.group is None or member.group is before or (agrees and not behind):
            return None
        return await member.group.resync(member, MOVED)

    async def _read(self) -> None:
        try:
            async with self._broker.subscribe(channel(self.conversation_id)) as news:
                self._position = Position.of(news.cursor)
                self._growing.update(await self._texts.written(self.conversation_id))
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
        for group in list(self._groups.values()):
            for member in list(group.members):
                self._part(member)
                member.work(_finish(member.outlet))

    async def _take(self, item: Event | Resync) -> None:
        if isinstance(item, Thinned):
            await self._start_texts_anew()
            return
        position = Position.of(item.cursor)
        delta = Delta.parse(item.payload) if isinstance(item, Event) else None
        note = orjson.loads(item.payload) if isinstance(item, Event) and delta is None else {}
        if delta is not None:
            self._growing.add(delta.address)
        elif changes(item):
            self._standings.conversation_changed(self.conversation_id, position)
        await self._settle()
        while waiting := [each for each in self._groups.values() if each.position < position][:GROUPS]:
            if not note.keys() <= ALIKE:
                for group in waiting:
                    await self._tell_apart(group, item, note.get("by"))
            else:
                await asyncio.gather(*(self._tell(group, item) for group in waiting))
        self._position = position
        if isinstance(item, Resync):
            await self._start_texts_anew()
        for over in (note.get("deleted"), note.get("changed") if note.get("ended") else None):
            if over is not None:
                self._growing.discard(Address.parse(over))

    async def _start_texts_anew(self) -> None:
        for group in self._groups.values():
            group.deltas.lost()
        with suppress(RedisError):
            self._growing = set(await self._texts.written(self.conversation_id))

    async def _tell(self, group: Group, item: Event | Resync) -> None:
        try:
            self._grows(await group.take(item))
        except Exception as error:  # as it would end each of them alone
            self._fail(group, error)

    async def _tell_apart(self, group: Group, item: Event | Resync, by: str | None) -> None:
        try:
            await group.take_apart(item, lambda member: by is None or by == str(member.standing.user_id))
        except Exception as error:
            self._fail(group, error)

    def _fail(self, group: Group, error: Exception) -> None:
        body = self._renderer.failed(error)
        group.position = Position(2**64, 0)
        for member in list(group.members):
            self._part(member)
            member.work(_finish(member.outlet, body))

    def _grows(self, event: ConversationEvent | None) -> None:
        if isinstance(event, MessageAdded | MessageChanged) and event.message.status is MessageStatus.STREAMING:
            self._growing.add(event.message.row.address)

    async def _settle(self) -> None:
        """Have all judged by whose rights something may have changed, before they are told anything."""
        store = self._standings.store
        suspects = [each for group in self._groups.values() for each in group.members if not each.settled]
        with suppress(*UNJUDGED):
            if not store.fresh:
                await store.freshen()
            if suspects:
                await store.remember(each.standing.user_id for each in suspects if each.standing.user_id is not None)
            for member in suspects:
                here = member.task is None and member.group is not None
                if here and await member.settle(patient=False) and not self._place(member):
                    member.number = -1  # he has not what his new group has
                    member.work(self.follow(member))

    def _admit(self, member: Member, deltas: Deltas, position: Position) -> bool:
        """Let him into his group, who was told all up to `position`, if he has what the group has."""
        if position < self._position or member.standing.over:
            return False
        group = self._groups.get((member.question, member.key))
        if self._growing and (
            position != self._position or (group is not None and not deltas.agrees(group.deltas, self._growing))
        ):
            return False
        self._place(member, deltas, position)
        return True

    def _place(self, member: Member, deltas: Deltas | None = None, since: Position | None = None) -> bool:
        """Have him in the group of his rights; whether he has what it has."""
        where, before = (member.question, member.key), member.group
        group = self._groups.get(where)
        if group is not None and group is before:
            return True
        kept = before.deltas if before is not None else deltas or self._texts_of(member)
        agrees = group is None or kept.agrees(group.deltas, self._growing)
        if group is None:
            log = AnswerLog(self._rooms.capacity)
            group = Group(member.key, kept.by(member.context), self._position, log, self._renderer, self.follow)
            self._groups[where] = group
        self._part(member)
        member.ended = lambda: self._lost(member)
        group.enter(member, since)
        return agrees

    def _texts_of(self, member: Member) -> Deltas:
        """What he has of texts who comes now, or comes back."""
        return Deltas(member.context, self.conversation_id, joined=member.asked.after is None)

    def _part(self, member: Member) -> None:
        group = member.group
        if group is None:
            return
        group.leave(member)
        where = (member.question, group.key)
        if not group.members and self._groups.get(where) is group:
            del self._groups[where]

    async def _catch_up(self, member: Member, deltas: Deltas) -> None:
        """Tell him by himself what he has missed, until he has come to where the others are."""
        async with self._broker.subscribe(channel(self.conversation_id), member.asked.after) as news:
            member.ended = news.close
            if member.standing.over:
                news.close()
            async for item in news:
                event = await told(member, item, deltas)
                if isinstance(event, AccessRevoked):
                    break
                if event is not None:
                    await self._say(member, event)
                    if await made_good(member.context):
                        deltas.lost()
                        await self._say(member, ResyncRequired(cursor=item.cursor, reason=MISSED))
                await member.settle()
                async with self._turn:
                    if self._admit(member, deltas, Position.of(item.cursor)):
                        return
        if member.standing.over:
            await self._take_leave(member)
        else:
            await _finish(member.outlet)

    def _lost(self, member: Member) -> None:
        """He may follow no more."""
        self._part(member)
        member.work(self._take_leave(member))

    async def _take_leave(self, member: Member) -> None:
        """Tell him why he is told nothing more."""
        if self._turn.locked():
            async with self._turn:  # what is being told now may have come to him
                pass
        try:
            event = revoked(await member.standing.judged(), str(self._position))
            body = await self._renderer.farewell(member.context, member.question, event)
        except Exception as error:
            body = self._renderer.failed(error)
        await _finish(member.outlet, body)

    async def _say(self, member: Member, event: ConversationEvent) -> None:
        await _give(member.outlet, await self._renderer.render(member.context, member.question, event))


async def _give(outlet: Outlet, body: bytes) -> None:
    """As soon as it can take it."""
    await outlet.ready()
    while not outlet.write(body):
        await outlet.ready()


async def _finish(outlet: Outlet, body: bytes | None = None) -> None:
    if body is not None:
        await _give(outlet, body)
    await outlet.complete()
