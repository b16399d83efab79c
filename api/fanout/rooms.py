"""Conversations that are followed by this worker, each while somebody follows it."""

from typing import Final

from beanie import PydanticObjectId

from api.documents.bench import name_of
from api.fanout.admission import Admission, Turn
from api.fanout.farewells import finish
from api.fanout.log import CAPACITY
from api.fanout.members import Member, Outlet
from api.fanout.questions import Asked
from api.fanout.rendering import Renderer
from api.fanout.room import Room
from resolvers.context import Context


class Rooms:
    """One a worker. `capacity` are the answers that may wait for a slow reader."""

    def __init__(self, renderer: Renderer, capacity: int = CAPACITY) -> None:
        self.renderer: Final = renderer
        self.capacity: Final = capacity
        self.admission: Final = Admission()
        self._rooms: Final[dict[PydanticObjectId, Room]] = {}

    async def enter(self, asked: Asked, context: Context, outlet: Outlet, turn: Turn | None = None) -> Member:
        """Somebody follows from now on, until he `leave`s. Raises `NotFoundError` where he may not.

        `turn` is his, which is over when others may come in; without one he waits for it.
        """
        if turn is None:
            async with self.admission.turn(name_of(context)) as own:
                return await self.enter(asked, context, outlet, own)
        context.access.require_signed_in()
        await context.spend(asked.cost)
        room = self._room(asked.conversation_id, context)
        member = room.let_in(asked, context, outlet)
        try:
            await room.opened()
            member.hold()
            await room.join(member, turn)
        except BaseException:
            member.leave()
            raise
        return member

    async def fail(self, outlet: Outlet, error: Exception) -> None:
        """Tell somebody that `error` has ended what he was told."""
        await finish(outlet, self.renderer.failed(error))

    def _room(self, id_: PydanticObjectId, context: Context) -> Room:
        room = self._rooms.get(id_)
        if room is None or room.closed:
            room = self._rooms[id_] = Room(id_, context, self.renderer, self.capacity, self.forget)
        return room

    def forget(self, room: Room) -> None:
        """Nobody is there any more."""
        if self._rooms.get(room.conversation_id) is room:
            del self._rooms[room.conversation_id]
