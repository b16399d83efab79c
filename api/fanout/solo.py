"""What those do by themselves who follow a conversation: read what they are behind by, or missed."""

import asyncio
from typing import Final

from beanie import PydanticObjectId

from api.fanout.farewells import Farewells, finish, give
from api.fanout.groups import event_for, passed
from api.fanout.members import Member
from api.fanout.places import Places
from api.fanout.rendering import Renderer
from resolvers.chat.deltas import Deltas
from resolvers.chat.events import AccessRevoked, ConversationEvent, ResyncRequired, channel
from resolvers.chat.patience import MISSED, made_good
from resolvers.live import Standings
from resolvers.live.broker import Broker, Position

BEHIND: Final = "more events were waiting to be read than are kept"
MOVED: Final = "what you may see has changed while events were waiting to be read"


class Soloists:
    """Of one conversation. `turn` is held while all are told something, or somebody changes his place."""

    __slots__ = ("_broker", "_conversation_id", "_farewells", "_places", "_renderer", "_store", "_turn")

    def __init__(
        self,
        conversation_id: PydanticObjectId,
        renderer: Renderer,
        broker: Broker,
        standings: Standings,
        places: Places,
        turn: asyncio.Lock,
    ) -> None:
        self._conversation_id = conversation_id
        self._renderer = renderer
        self._broker = broker
        self._store = standings.store
        self._places = places
        self._turn = turn
        self._farewells = Farewells(renderer, places, standings, turn)

    async def follow(self, member: Member) -> None:
        """Have him read what he is behind by."""
        try:
            await self._follow(member)
        except Exception as error:
            self._places.part(member)
            await finish(member.outlet, self._renderer.failed(error))

    async def _follow(self, member: Member) -> None:
        while (group := member.group) is not None:
            if not (member.settled and self._store.fresh):
                async with self._turn:
                    body = await self._resettle(member)
                    group = member.group
                if group is None:
                    return
                if body is not None:
                    await give(member.outlet, body)
                continue
            if member.number == group.log.last:
                member.task = None
                return
            answer = group.log.after(member.number)
            if answer is None:
                async with self._turn:
                    body = await group.resync(member, BEHIND)
                await give(member.outlet, body)
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
        agrees = self._places.place(member)
        if member.group is None or member.group is before or (agrees and not behind):
            return None
        return await member.group.resync(member, MOVED)

    async def catch_up(self, member: Member, deltas: Deltas) -> None:
        """Tell him by himself what he has missed, until he has come to where the others are."""
        async with self._broker.subscribe(channel(self._conversation_id), member.asked.after) as news:
            member.missing = news
            if member.standing.over:
                news.close()
            async for item in news:
                event = await event_for(member, item, deltas)
                if isinstance(event, AccessRevoked):
                    break
                if event is not None:
                    await self._say(member, event)
                    if await made_good(member.context):
                        deltas.lost()
                        await self._say(member, ResyncRequired(cursor=item.cursor, reason=MISSED))
                await member.settle()
                async with self._turn:
                    if self._places.admit(member, deltas, Position.of(item.cursor)):
                        return
        if member.standing.over:
            await self._farewells.tell(member)
        else:
            await finish(member.outlet)

    def lost(self, member: Member) -> None:
        """He may follow no more."""
        self._places.part(member)
        member.rest()
        self._farewells.add(member)

    def left(self, member: Member) -> None:
        """He follows no more."""
        self._farewells.left(member)

    def close(self) -> None:
        """Nobody is there any more."""
        self._farewells.close()

    async def _say(self, member: Member, event: ConversationEvent) -> None:
        """As soon as he reads, if he has a right then."""
        body = await self._renderer.render(member.context, member.question, event)
        await member.outlet.ready()
        while await member.settle() and not member.outlet.write(body):
            await member.outlet.ready()
