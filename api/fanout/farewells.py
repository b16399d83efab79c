"""Those who may follow a conversation no more are told why: many at once, each by his own decision."""

import asyncio
from typing import Final

import structlog

from api.fanout.members import Member, Outlet
from api.fanout.places import Places
from api.fanout.rendering import Renderer, settled
from resolvers.live import Standings
from resolvers.live.collector import FEW_PASSES

TOGETHER: Final = 200
"""Members whose denials are written down together."""
JUDGED_SECONDS: Final = 1.0
"""At most so long they wait for others to be judged, of whom those who keep their right hear nothing until then."""

NAME: Final = "farewells"

_log: Final = structlog.get_logger(__name__)

Told = list[tuple[Member, bytes]]


class Farewells:
    """Of one conversation. `turn` is held while all are told something.

    What has been decided is written down for some while it is told to those before them: nobody is told a decision that
    the log doesn't have.
    """

    __slots__ = ("_left", "_places", "_renderer", "_standings", "_telling", "_turn", "_waiting")

    def __init__(self, renderer: Renderer, places: Places, standings: Standings, turn: asyncio.Lock) -> None:
        self._renderer = renderer
        self._places = places
        self._standings = standings
        self._turn = turn
        self._waiting: list[Member] = []
        self._left: list[Member] = []
        """Of whom something is still known."""
        self._telling: asyncio.Task[None] | None = None

    def add(self, member: Member) -> None:
        """He is told as soon as his denial is stored."""
        self._waiting.append(member)
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell(), name=NAME)

    def left(self, member: Member) -> None:
        """Forget him; but while others wait to be told, who has lost his right is forgotten after that."""
        if self._telling is not None and member.standing.over:
            self._left.append(member)
        else:
            member.release()

    def close(self) -> None:
        """Nobody is there any more."""
        if self._telling is not None and self._telling is not asyncio.current_task():
            self._telling.cancel()
            self._release(len(self._left))  # it may not have begun

    async def tell(self, member: Member) -> None:
        """Tell one of them, and return when that is done."""
        await self._past_turn()
        try:
            body = await self._body(member, str(self._places.position))
            await settled([member.context])
        except Exception as error:
            body = self._renderer.failed(error)
        await finish(member.outlet, body)

    async def _tell(self) -> None:
        try:
            with FEW_PASSES:  # from the judging on: a pass between the two would come before anybody is told
                await self._standings.caught_up(JUDGED_SECONDS)
                await self._tell_all()
        finally:
            self._telling = None
            self._release(len(self._left))

    async def _tell_all(self) -> None:
        """To forget what is known of somebody takes as long as to tell him, and comes after all have been told."""
        writing: asyncio.Task[Told] | None = None
        parted: list[Told] = []
        try:
            while self._waiting or writing is not None or parted:
                written, members = writing, self._next()
                writing = asyncio.create_task(self._write(members), name=NAME) if members else None
                if written is not None:
                    parted.append(await written)
                    _send_all(parted[-1])
                elif writing is None and parted:
                    parted.pop()
                    self._release(TOGETHER)
                    await asyncio.sleep(0)
        finally:
            if writing is not None:
                writing.cancel()

    def _release(self, most: int) -> None:
        """Forget some of those who have left."""
        some, self._left = self._left[:most], self._left[most:]
        for member in some:
            member.release()

    def _next(self) -> list[Member]:
        some, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
        return [member for member in some if not member.gone]

    async def _write(self, members: list[Member]) -> Told:
        """What they are told, when it may be."""
        await self._past_turn()
        cursor = str(self._places.position)
        try:
            told = [(member, await self._body(member, cursor)) for member in members]
            await settled([member.context for member in members])
        except Exception:  # of one of them: each is told by himself what comes of it
            for member in members:
                member.work(self.tell(member))
            return []
        return told

    async def _body(self, member: Member, cursor: str) -> bytes:
        return await self._renderer.farewell(member.context, member.question, member.standing.last(), cursor)

    async def _past_turn(self) -> None:
        """What is being told now may have come to them."""
        if self._turn.locked():
            async with self._turn:
                pass


def _send_all(told: Told) -> None:
    for member, body in told:
        try:
            if not member.gone and not member.outlet.end(body):
                member.work(finish(member.outlet, body))
        except Exception as error:  # the others are told all the same
            _log.exception("somebody can't be told that he lost a right", kind=type(error).__name__)


async def give(outlet: Outlet, body: bytes) -> None:
    """As soon as it can take it."""
    await outlet.ready()
    while not outlet.write(body):
        await outlet.ready()


async def finish(outlet: Outlet, body: bytes | None = None) -> None:
    """Nothing follows; `body` comes last."""
    if body is not None:
        await give(outlet, body)
    await outlet.complete()
