"""Who follows what on this worker: judged again when anything changes that his right hangs on, and when time is up.

Nobody is asked about one by one: the log of changes is read once for all of them, and accounts and conversations in
batches. Whoever keeps his right doesn't notice.
"""

import asyncio
import contextlib
import heapq
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count, islice
from typing import Final, Protocol, TypeVar

import structlog
from beanie import PydanticObjectId
from pymongo.errors import PyMongoError

from models.redis.backoff import delays
from permissions.authn.errors import AuthnUnavailableError
from permissions.errors import NotFreshError
from permissions.store import News, PermissionStore
from resolvers.live.broker import Position
from resolvers.live.collector import FEW_PASSES
from resolvers.live.known import KnownConversations

CHANGES: Final = "conversations"
"""The channel on which each worker hears the ids of conversations that have changed."""
LOOK_SECONDS: Final = 0.5
"""So often the log of changes is read while anybody follows anything: a change of which no word came counts by then."""
SWEEP_SECONDS: Final = 10.0
"""So often what rights hang on is read of all followed conversations, should a change never have been told of."""
TOGETHER_SECONDS: Final = 0.02
"""Whose time is up within so much of each other are judged together."""
BATCH: Final = 100
"""Members judged before others have their turn."""
UNJUDGED: Final = (PyMongoError, AuthnUnavailableError, NotFreshError)
"""Why nobody can tell what somebody may do, for now: nothing is delivered, and nothing ends."""

_log: Final = structlog.get_logger(__name__)

Key = TypeVar("Key")


class Member(Protocol):
    """One subscription."""

    @property
    def user_id(self) -> PydanticObjectId | None:
        """Whose it is."""
        ...

    @property
    def conversation_id(self) -> PydanticObjectId:
        """What he follows."""
        ...

    @property
    def deadline(self) -> float | None:
        """When it has to be judged again though nothing has changed, by the monotonic clock."""
        ...

    def suspect(self, *, conversation: bool = False) -> None:
        """Something has changed that its right may hang on: if `conversation`, nothing else than that."""
        ...

    @property
    def outdated(self) -> bool:
        """Whether who asks has proved it by a newer token since."""
        ...

    async def judge(self) -> None:
        """Judge it anew, if that is needed. Raises what `UNJUDGED` names."""
        ...

    def fail(self, error: Exception) -> None:
        """It can't be judged at all."""
        ...


class Standings:
    """One a worker. While `keep` runs, whoever loses his right hears of it within a second."""

    def __init__(self, store: PermissionStore) -> None:
        self.store: Final = store
        self.conversations: Final = KnownConversations()
        self._members: Final[set[Member]] = set()
        self._of_user: Final[dict[PydanticObjectId | None, set[Member]]] = defaultdict(set)
        self._of_conversation: Final[dict[PydanticObjectId, set[Member]]] = defaultdict(set)
        self._suspects: Final[dict[Member, None]] = {}
        self._due: list[tuple[float, int, Member]] = []
        self._noted: Final[dict[Member, float]] = {}
        self._numbers: Final = count()
        self._woken: Final = asyncio.Event()
        self._caught_up: Final = asyncio.Event()
        self._caught_up.set()
        self._swept = self._looked = time.monotonic()
        self._ahead = _ahead()
        self._kept = False
        self._rules = 0
        self.clock = 0
        """How often the clock on the wall was set."""

    @property
    def stamp(self) -> tuple[int, int, bool]:
        """It is another one as soon as something has changed that may concern anybody.

        What concerns few is told to them, while `keep` runs; else any change of permissions makes another one.
        """
        return (self._rules if self._kept else self.store.revision), self.clock, self._kept

    @contextmanager
    def held(self, member: Member) -> Iterator[None]:
        """Within the block it is one of them."""
        self.add(member)
        try:
            yield
        finally:
            self.discard(member)

    def add(self, member: Member) -> None:
        """It is one of them, until `discard`."""
        self._members.add(member)
        self._of_user[member.user_id].add(member)
        self._of_conversation[member.conversation_id].add(member)
        self.conversations.follow(member.conversation_id)
        if len(self._members) == 1:
            self._woken.set()  # nobody looked while there was nobody

    def discard(self, member: Member) -> None:
        """It is none of them any more."""
        self.conversations.leave(member.conversation_id)
        self._members.discard(member)
        _discard(self._of_user, member.user_id, member)
        _discard(self._of_conversation, member.conversation_id, member)
        self._suspects.pop(member, None)
        self._noted.pop(member, None)

    def rules_told(self) -> None:
        """Some worker says that permissions have changed: look at once."""
        self.store.forget()
        self._woken.set()

    def rules_changed(self, news: News) -> None:
        """What has changed, as the store read it."""
        if news.rules:
            self._rules += 1
            self._suspect(self._members)
        else:
            for user_id in news.users:
                self._suspect(self._of_user.get(user_id, ()))

    def proved_again(self, user_id: PydanticObjectId | None) -> None:
        """A newer token has come from this account, over some socket."""
        self._suspect([each for each in self._of_user.get(user_id, ()) if each.outdated])

    def conversation_changed(self, id_: PydanticObjectId, told: Position | None = None) -> None:
        """Some worker says so; `told` is where, if on the conversation's own channel."""
        if self.conversations.outdated(id_, told):
            self._suspect(self._of_conversation.get(id_, ()), conversation=True)

    def anything_changed(self) -> None:
        """Nobody knows what was missed: judge all of them anew."""
        self.conversations.all_outdated()
        self._suspect(self._members)
        self.rules_told()

    async def caught_up(self, seconds: float) -> None:
        """Return when everybody is judged of whom something may have changed; after `seconds` at the latest."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._caught_up.wait()

    def judged(self, member: Member) -> None:
        """Note until when that is good."""
        at = member.deadline
        if at is None or member not in self._members:
            self._noted.pop(member, None)
        elif self._noted.get(member) != at:
            self._noted[member] = at
            if len(self._due) > 2 * len(self._noted) + BATCH:  # most are of those who have left
                self._due = [each for each in self._due if self._noted.get(each[2]) == each[0]]
                heapq.heapify(self._due)
            heapq.heappush(self._due, (at, next(self._numbers), member))
            if self._due[0][2] is member:
                self._woken.set()

    async def keep(self) -> None:
        """Judge whom it concerns, for as long as this runs."""
        waits = delays()
        with self.store.telling(self.rules_changed), self._keeping():
            while True:
                await self._rest()
                try:
                    await self._turn()
                    self._caught_up.set()
                    waits = delays()
                except Exception as error:
                    if not isinstance(error, UNJUDGED):
                        _log.exception("unexpected error while rights were judged", kind=type(error).__name__)
                    _log.warning("rights can't be judged", kind=type(error).__name__, followers=len(self._members))
                    self._woken.set()
                    self._caught_up.set()
                    await asyncio.sleep(next(waits))

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        """Within the block whom a change concerns is told of it."""
        self._kept = True
        try:
            yield
        finally:
            self._kept = False
            self._caught_up.set()

    async def _rest(self) -> None:
        """Until there is something to do."""
        patience = LOOK_SECONDS if self._members else None
        if patience and self._due:
            patience = min(patience, max(TOGETHER_SECONDS, self._due[0][0] - time.monotonic()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._woken.wait()
        self._woken.clear()

    async def _turn(self) -> None:
        if not self._members:
            self._due.clear()
            return
        if not self.store.fresh or time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            await self.store.ground()
        if time.monotonic() - self._swept >= SWEEP_SECONDS:
            self._swept = time.monotonic()
            for id_ in await self.conversations.look():
                self._suspect(self._of_conversation.get(id_, ()), conversation=True)
        if abs(_ahead() - self._ahead) > LOOK_SECONDS:  # the clock on the wall was set: other times are up
            self._ahead = _ahead()
            self.clock += 1
            self._suspect(self._members)
        self._suspect(self._over())
        with FEW_PASSES:
            while self._suspects:
                await self._judge(list(islice(self._suspects, BATCH)))
                await asyncio.sleep(0)

    def _over(self) -> Iterable[Member]:
        """Those whose time is up."""
        moment = time.monotonic()
        while self._due and self._due[0][0] <= moment:
            at, _, member = heapq.heappop(self._due)
            if self._noted.get(member) == at:
                del self._noted[member]
                yield member

    def _suspect(self, members: Iterable[Member], *, conversation: bool = False) -> None:
        for member in members:
            member.suspect(conversation=conversation)
            self._suspects[member] = None
        if self._suspects:
            self._woken.set()
            if self._kept:
                self._caught_up.clear()

    async def _judge(self, members: list[Member]) -> None:
        await self.store.remember(member.user_id for member in members if member.user_id is not None)
        await self.conversations.refresh(member.conversation_id for member in members)
        for member in members:
            if self._suspects.pop(member, member) is None:
                await self._judge_one(member)

    async def _judge_one(self, member: Member) -> None:
        try:
            await member.judge()
        except UNJUDGED:
            self._suspect([member] if member in self._members else [])
            raise
        except Exception as error:  # the rules are unusable, say: he is told so, and the others go on
            member.fail(error)


def _ahead() -> float:
    """How far the clock on the wall is ahead of the one that nobody sets, in seconds."""
    return time.time() - time.monotonic()


def _discard(sets: dict[Key, set[Member]], key: Key, member: Member) -> None:
    sets[key].discard(member)
    if not sets[key]:
        del sets[key]
