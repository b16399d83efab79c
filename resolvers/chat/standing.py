"""A subscriber's right to read a conversation: judged once, and good until something changes that it hangs on."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from beanie import PydanticObjectId

from models.conversation import Conversation
from models.redis.backoff import delays
from permissions.access import Access
from resolvers.chat.following import Right, lasting, right_to
from resolvers.context import Context
from resolvers.live.broker import Position
from resolvers.live.known import Followed
from resolvers.live.standings import UNJUDGED


class Follower(Protocol):
    """Who hears of what becomes of his right."""

    def ended(self) -> None:
        """It is lost, or can't be judged."""
        ...

    def stirred(self) -> None:
        """Something may have changed of it, otherwise than by `Standings.stamp` and by `until`."""
        ...


class _Ended:
    """One who hears of the end only."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self.ended: Final = ended

    def stirred(self) -> None:
        pass


def nothing() -> None:
    """Where nobody has to hear of it."""


class Standing:
    """Whether the caller may follow a conversation. Use it `held`; once lost, it is never regained.

    `judged` costs no call while nothing has changed: no event is shown by what was known more than a second ago.
    """

    __slots__ = (
        "_access",
        "_context",
        "_deadline",
        "_error",
        "_follower",
        "_right",
        "_seen",
        "_shaken",
        "_stamp",
        "_standings",
        "_suspected",
        "_until",
        "_user_id",
        "conversation_id",
    )

    def __init__(self, context: Context, conversation_id: PydanticObjectId) -> None:
        self.conversation_id: Final = conversation_id
        self._context: Final = context
        self._standings: Final = context.standings
        self._user_id: Final = None if context.principal is None else context.principal.user_id
        self._follower: Follower | None = None
        self._error: Exception | None = None
        self._right: Right | None = None
        self._access: Access | None = None
        self._seen: Followed | None = None
        self._stamp: object = None
        self._suspected = self._shaken = False
        self._deadline: float | None = None
        self._until: float | None = None

    @contextmanager
    def held(self, ended: Callable[[], None] = nothing) -> Iterator[None]:
        """Within the block it is kept up to date; `ended` is called when the right is lost, or can't be judged."""
        self.hold(_Ended(ended))
        try:
            yield
        finally:
            self.release()

    def hold(self, follower: Follower) -> None:
        """Have it kept up to date until `release`; `follower` hears of it."""
        self._follower = follower
        self._standings.add(self)

    def release(self) -> None:
        """It isn't kept up to date any more, and nobody hears of it."""
        self._follower = None
        self._standings.discard(self)

    @property
    def user_id(self) -> PydanticObjectId | None:
        """Whose it is."""
        return self._user_id

    @property
    def deadline(self) -> float | None:
        """When it has to be judged again though nothing has changed, by the monotonic clock."""
        return None if self.over else self._deadline

    @property
    def until(self) -> float | None:
        """When anything of it may be another by itself, by the monotonic clock."""
        return self._until

    @property
    def outdated(self) -> bool:
        """Whether who asks has proved it by a newer token since."""
        return self._context.outdated

    @property
    def access(self) -> Access | None:
        """By which it was judged last."""
        return self._access

    @property
    def conversation(self) -> Conversation | None:
        """As it was judged last."""
        return None if self._right is None else self._right.conversation

    @property
    def over(self) -> bool:
        """Whether the right is lost, or can't be judged: nothing more is delivered."""
        return self._error is not None or (self._right is not None and not self._right)

    @property
    def holds(self) -> bool:
        """Whether what was judged last is good still, as far as this worker knows."""
        return self._right is not None and not self._suspected and self._unmoved

    @property
    def _unmoved(self) -> bool:
        """Whether all but the conversation is as it was judged last: the rules, the caller, and the time."""
        return (
            self._stamp == self._standings.stamp
            and (self._until is None or time.monotonic() < self._until)
            and not self._context.outdated
        )

    async def judged(self) -> Right:
        """As of now; the context goes by the same rules then. Waits where nobody can tell. Raises `RulesError`."""
        waits = delays()
        while not (self.over or (self.holds and self._standings.store.fresh)):
            try:
                await self.judge()
            except UNJUDGED:
                await asyncio.sleep(next(waits))
        return self.last()

    def last(self) -> Right:
        """As it was judged last; the context goes by the same rules then. Raises what kept it from being judged."""
        if self._error is not None:
            raise self._error
        if self._access is not None and self._access is not self._context.access:
            self._context.adopt(self._access)
        return Right(None, None) if self._right is None else self._right

    def begin(self, conversation: Conversation) -> None:
        """Load anew what an event shows, but for the conversation."""
        self._context.adopt(self._context.access)
        self._context.loaders.prime([conversation])

    def changed(self, cursor: str) -> None:
        """The event at `cursor` says that the conversation has changed."""
        self._standings.conversation_changed(self.conversation_id, Position.of(cursor))

    def suspect(self, *, conversation: bool = False) -> None:
        """Something has changed that it may hang on: if `conversation`, nothing else than that."""
        self._suspected = True
        self._shaken = self._shaken or not conversation
        self._stir()

    def fail(self, error: Exception) -> None:
        """It can't be judged."""
        self._error = error
        self._end()

    async def judge(self) -> None:
        """Judge it anew, if that is needed. Raises what `UNJUDGED` names, and `RulesError`."""
        store = self._standings.store
        if not store.fresh:
            await store.freshen()
        if self.over or self.holds:
            return
        shaken, self._suspected, self._shaken = self._shaken, False, False
        stamp, begun = self._standings.stamp, time.monotonic()
        try:
            followed = await self._standings.conversations.get(self.conversation_id)
            right = self._right if self._unmoved and not shaken else None
            if right and self._seen and followed and followed.alike(self._seen):
                self._right, self._seen = Right(followed.conversation, right.decision), followed
                return
            access = await self._context.judged()
        except BaseException:
            self.suspect(conversation=not shaken)
            raise
        if self.over:
            return
        self._right, self._access, self._stamp = right_to(access, followed), access, stamp
        self._seen = followed
        if not self._right:
            self._deadline = self._until = None
            self._standings.judged(self)
            self._end()
            return
        self._deadline, self._until = (None if left is None else begun + left for left in lasting(access, followed))
        self._standings.judged(self)
        self._stir()

    def _stir(self) -> None:
        if self._follower is not None:
            self._follower.stirred()

    def _end(self) -> None:
        self._stir()
        if self._follower is not None:
            self._follower.ended()
