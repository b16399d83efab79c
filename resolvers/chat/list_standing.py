"""What a subscriber to his list may see: where its news comes from, and when that changes."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from beanie import PydanticObjectId

from models.clock import now
from permissions.access import Access
from permissions.actions import Action
from permissions.engine.facts import Resource
from permissions.engine.filters import equalities
from permissions.engine.times import next_turn
from permissions.resources import CONVERSATION
from resolvers.chat.list_news import ALL, list_channel
from resolvers.context import Context

READ: Final = Action.CONVERSATION_READ
SECOND: Final = timedelta(seconds=1)


class ListStanding:
    """Judged like whoever follows a conversation: when rules, his account, or the time change what he may see."""

    def __init__(self, context: Context, user_id: PydanticObjectId) -> None:
        self.user_id: Final = user_id
        self.conversation_id: Final = user_id  # no conversation has the id of an account: there is none to look at
        self.changed: Final = asyncio.Event()
        self._context: Final = context
        self._error: Exception | None = None
        self._access = context.access
        self._scopes = _scopes(self._access)
        self._deadline = _deadline(self._access)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within the block it is kept up to date."""
        with self._context.standings.held(self):
            self._context.standings.judged(self)
            yield

    @property
    def channels(self) -> list[str]:
        """Where he hears of all that he may see, in order."""
        found = set()
        for scope in self._scopes:
            equal = equalities(scope)
            if equal.get("owner_id") == self.user_id:
                found.add(list_channel(f"user:{self.user_id}"))
            elif isinstance(equal.get("grantees"), str):
                found.add(list_channel(equal["grantees"]))
            else:
                return [ALL]
        return sorted(found)

    @property
    def grantees(self) -> list[str]:
        """Those of shares by which he sees conversations."""
        return sorted({name for scope in self._scopes if isinstance(name := equalities(scope).get("grantees"), str)})

    def sees(self, about: Resource | None, at: datetime | None = None) -> bool:
        """Whether it is on his list; by the rules as they are known to be, and at this moment, or that one."""
        access = self._context.access
        if about is None or access.subject is None:
            return False
        env = access.env if at is None else replace(access.env, time=at)
        return bool(access.snapshot.decide(access.subject, READ, about, env))

    def raise_error(self) -> None:
        """Why he can't be judged, if he can't."""
        if self._error is not None:
            raise self._error

    @property
    def deadline(self) -> float | None:
        """When it has to be judged again though nothing has changed, by the monotonic clock."""
        return self._deadline

    @property
    def outdated(self) -> bool:
        """Whether who asks has proved it by a newer token since."""
        return self._context.outdated

    def suspect(self, *, conversation: bool = False) -> None:
        """Nothing is delivered by it: each note is judged by itself."""

    async def judge(self) -> None:
        """See whether it is another list now."""
        self._access = await self._context.judged()
        self._deadline = _deadline(self._access)
        if (scopes := _scopes(self._access)) != self._scopes:
            self._scopes = scopes
            self.changed.set()
        self._context.standings.judged(self)

    def fail(self, error: Exception) -> None:
        """It can't be judged."""
        self._error = error
        self.changed.set()


def _deadline(access: Access) -> float | None:
    """When time alone may have made another list of it, by the monotonic clock."""
    if access.subject is None:
        return None
    at = access.env.time
    turn = next_turn(access.subject, (), at)
    if access.snapshot.moves(access.subject.roles_at(at), (READ,)):
        turn = at + SECOND if turn is None else min(turn, at + SECOND)
    return None if turn is None else time.monotonic() + (turn - now()).total_seconds()


def _scopes(access: Access) -> list[Any]:
    """What he may see, with the time left out at which that was asked."""
    if access.subject is None:
        return []
    return [_timeless(scope) for scope in access.snapshot.scopes(access.subject, READ, CONVERSATION, access.env)]


def _timeless(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _timeless(each) for name, each in part.items()}
    if isinstance(part, list | tuple):
        return [_timeless(each) for each in part]
    return None if isinstance(part, datetime) else part
