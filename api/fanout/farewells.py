"""Those who may follow a conversation no more are told why: many at once, each by his own decision."""

import asyncio
from typing import Final

import structlog

from api.fanout.members import Member, Outlet
from api.fanout.places import Places
from api.fanout.rendering import Renderer, settled
from resolvers.chat.subscriptions import revoked
from resolvers.live.collector import FEW_PASSES

TOGETHER: Final = 200
"""Members whose denials are written down together."""

NAME: Final = "farewells"

_log: Final = structlog.get_logger(__name__)

Told = list[tuple[Member, bytes]]


class Farewells:
    """Of one conversation. `turn` is held while all are told something.

    What has been decided is written down for some while it is told to those before them: nobody is told a decision that
    the log doesn't have.
    """

    __slots__ = ("_places", "_renderer", "_telling", "_turn", "_waiting")

    def __init__(self, renderer: Renderer, places: Places, turn: asyncio.Lock) -> None:
        self._renderer = renderer
        self._places = places
        self._turn = turn
        self._waiting: list[Member] = []
        self._telling: asyncio.Task[None] | None = None

    def add(self, member: Member) -> None:
        """He is told as soon as his denial is stored."""
        self._waiting.append(member)
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell(), name=NAME)

    def close(self) -> None:
        """Nobody is there any more."""
        if self._telling is not None and self._telling is not asyncio.current_task():
            self._telling.cancel()

    async def tell(self, member: Member) -> None:
        """Tell one of them, and return when that is done."""
        await self._past_turn()
        try:
            body = await self._body(member)
            await settled([member.context])
        except Exception as error:
            body = self._renderer.failed(error)
        await finish(member.outlet, body)

    async def _tell(self) -> None:
        try:
            with FEW_PASSES:
                await self._tell_all()
        finally:
            self._telling = None

    async def _tell_all(self) -> None:
        writing: asyncio.Task[Told] | None = None
        parted: list[Told] = []
        """All that is known of whom: to forget it takes as long as to tell him, and comes after that."""
        try:
            while self._waiting or writing is not None:
                written, members = writing, self._next()
                writing = asyncio.create_task(self._write(members), name=NAME) if members else None
                told = await written if written is not None else []
                parted.append(told)
                for member, body in told:
                    try:
                        _send(member, body)
                    except Exception as error:  # the others are told all the same
                        _log.exception("somebody can't be told that he lost a right", kind=type(error).__name__)
        finally:
            if writing is not None:
                writing.cancel()
        while parted:
            parted.pop()
            await asyncio.sleep(0)

    def _next(self) -> list[Member]:
        some, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
        return [member for member in some if not member.gone]

    async def _write(self, members: list[Member]) -> Told:
        """What they are told, when it may be."""
        await self._past_turn()
        try:
            told = [(member, await self._body(member)) for member in members]
            await settled([member.context for member in members])
        except Exception:  # of one of them: each is told by himself what comes of it
            for member in members:
                member.work(self.tell(member))
            return []
        return told

    async def _body(self, member: Member) -> bytes:
        event = revoked(await member.standing.judged(), str(self._places.position))
        return await self._renderer.farewell(member.context, member.question, event)

    async def _past_turn(self) -> None:
        """What is being told now may have come to them."""
        if self._turn.locked():
            async with self._turn:
                pass


def _send(member: Member, body: bytes) -> None:
    if not member.gone and not member.outlet.end(body):
        member.work(finish(member.outlet, body))


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
