"""One subscriber among many: how far he is, and by which rights."""

import asyncio
from collections.abc import Coroutine, Hashable
from typing import Any, Final, Protocol

from api.fanout.log import AnswerLog
from api.fanout.questions import Asked, Question
from api.fanout.rights import rights
from models.redis.backoff import delays
from permissions.access import Access
from resolvers.chat.deltas import Deltas
from resolvers.chat.standing import Standing
from resolvers.context import Context
from resolvers.live import News
from resolvers.live.broker import Position
from resolvers.live.standings import UNJUDGED


class Outlet(Protocol):
    """Where a subscriber's answers go. What is sent to one who is gone is lost without a word."""

    def write(self, body: bytes) -> bool:
        """Send it now; False, and nothing is sent, where that would have to wait."""
        ...

    def end(self, body: bytes) -> bool:
        """The same, and that nothing follows; False, and nothing is sent, where that would have to wait."""
        ...

    def withhold(self) -> None:
        """Don't send what was written, as far as it still can be held back."""
        ...

    async def ready(self) -> None:
        """Return when the reader has read enough for more."""
        ...

    async def complete(self) -> None:
        """Nothing follows."""
        ...


class Fellows(Protocol):
    """Those with whom a member shares answers: his group."""

    log: AnswerLog
    members: dict["Member", None]
    deltas: Deltas
    key: Hashable
    position: Position

    def trusts(self, member: "Member") -> bool:
        """Whether he has the rights by which they share."""
        ...

    def bring(self, member: "Member") -> None:
        """Tell him what he has not been told."""
        ...

    def deltas_at(self, position: Position) -> Deltas:
        """What they had of texts then."""
        ...

    def doubt(self, member: "Member") -> None:
        """Something may have changed of his right."""
        ...

    def leave(self, member: "Member") -> None:
        """He is told nothing more."""
        ...

    async def resync(self, member: "Member", reason: str) -> bytes:
        """What stands for all that he was not told; what follows is told to him, too."""
        ...


class Home(Protocol):
    """Where a member is let in, and leaves."""

    async def follow(self, member: "Member") -> None:
        """Have him read what he is behind by."""
        ...

    def lost(self, member: "Member") -> None:
        """He has no right any more."""
        ...

    def left(self, member: "Member") -> None:
        """He follows no more."""
        ...


class Member:
    """One subscription. He shares answers with the members of his group; while he is behind he reads them by a task."""

    __slots__ = (
        "_held",
        "_home",
        "access",
        "asked",
        "context",
        "group",
        "key",
        "missing",
        "number",
        "outlet",
        "since",
        "standing",
        "task",
    )

    def __init__(self, asked: Asked, context: Context, outlet: Outlet, home: Home) -> None:
        self.asked: Final = asked
        self.context: Final = context
        self.outlet: Final = outlet
        self.standing: Final = Standing(context, asked.conversation_id)
        self.missing: News | None = None
        """What he hears of by himself, before he comes to a group."""
        self.group: Fellows | None = None
        self.number = 0
        """Of the answer of his group that he was given last."""
        self.since: Position | None = None
        """What he was told before he came to the group, if the group is not there yet."""
        self.access: Access | None = None
        """By which he shares."""
        self.key: Hashable = None
        self.task: asyncio.Task[None] | None = None
        """What he is doing by himself."""
        self._held = False
        self._home: Home | None = home

    @property
    def question(self) -> Question:
        """What he asks."""
        return self.asked.question

    @property
    def settled(self) -> bool:
        """Whether he still has the rights by which he shares, as far as this worker knows."""
        return self.standing.access is self.access and self.standing.holds and not self.standing.over

    @property
    def gone(self) -> bool:
        """Whether he has left."""
        return self._home is None

    def hold(self) -> None:
        """Have his right kept up to date until `leave`."""
        self.standing.hold(self)
        self._held = True

    def ended(self) -> None:
        """As of any follower: his right is lost."""
        self.outlet.withhold()
        if self.group is not None and self._home is not None:
            self._home.lost(self)
        elif self.missing is not None:
            self.missing.close()

    def stirred(self) -> None:
        """As of any follower: something may have changed of his right."""
        if self.group is not None:
            self.group.doubt(self)

    def leave(self) -> None:
        """He is told nothing more; a second time nothing happens."""
        home, self._home, self.missing = self._home, None, None
        if home is None:
            return
        self.rest()
        home.left(self)

    def release(self) -> None:
        """His right is not kept up to date any more: he has left."""
        if self._held:
            self._held = False
            self.standing.release()

    async def settle(self, *, patient: bool = True) -> bool:
        """Have his right judged, if need be, and his `key` follow it; False where he has none, or nobody can tell."""
        standing, waits = self.standing, delays()
        while not standing.over and not (standing.holds and self.context.standings.store.fresh):
            try:
                await standing.judge()
            except UNJUDGED:
                if not patient:
                    return False
                await asyncio.sleep(next(waits))
        access, conversation = standing.access, standing.conversation
        if standing.over or access is None or conversation is None:
            return False
        if access is not self.access:
            self.go_by(access)
            self.context.adopt(access)
            await self.context.settle()
        return True

    def go_by(self, access: Access) -> None:
        """Share by what `access` gives, by which he was judged. Whose answers are his own, shares with nobody."""
        conversation = self.standing.conversation
        self.access = access
        self.key = (conversation and rights(access, conversation, self.question)) or self

    def work(self, doing: Coroutine[Any, Any, None]) -> None:
        """Do something by himself, instead of what he was doing."""
        self.rest()
        self.task = asyncio.create_task(doing)

    def follow(self) -> None:
        """Read by himself what he is behind by."""
        if self._home is not None:
            self.work(self._home.follow(self))

    def rest(self) -> None:
        """Do nothing any more by himself, unless it is what asks for it."""
        task, self.task = self.task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
