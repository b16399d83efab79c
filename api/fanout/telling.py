"""What happens is told to all who follow a conversation: by groups, and to nobody whose right is in doubt."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from itertools import chain, islice
from typing import Any, Final

from api.fanout.farewells import finish
from api.fanout.groups import Group
from api.fanout.members import Member
from api.fanout.places import Places
from api.fanout.rendering import Renderer
from api.fanout.solo import Soloists
from permissions.store import PermissionStore
from resolvers.live import Event, Resync
from resolvers.live.broker import Position
from resolvers.live.standings import UNJUDGED

ALIKE: Final = frozenset({"message", "changed", "deleted", "conversation", "ended", "answer"})
"""What notes say that is told alike to all who see where it was. Of any other each is told by himself."""
GROUPS: Final = 20
"""Groups for which an event is rendered at a time."""
BATCH: Final = 100
"""Members judged before others have their turn: some 5 ms."""


class Telling:
    """Of one conversation; its `turn` is held."""

    __slots__ = ("_places", "_renderer", "_solo", "_store")

    def __init__(self, renderer: Renderer, store: PermissionStore, places: Places, solo: Soloists) -> None:
        self._renderer = renderer
        self._store = store
        self._places = places
        self._solo = solo

    async def tell(self, item: Event | Resync, position: Position, note: Mapping[str, Any]) -> None:
        """Return when all were told `item`, which is at `position`, or read it by themselves."""
        with suppress(*UNJUDGED):
            if not self._store.fresh:
                await self._store.freshen()
        doubtful = self._places.doubtful()
        if note.keys() <= ALIKE:
            await self._tell_alike(item, position, doubtful)
        else:
            async for _ in self._judging(doubtful):
                pass
            await self._tell_apart(item, position, note.get("by"))
        for group in self._places.groups.values():
            group.tidy()

    async def _tell_alike(self, item: Event | Resync, position: Position, doubtful: dict[Member, None]) -> None:
        """First those of whom nothing is in doubt, so that nobody waits until others have been judged."""
        doubtful |= await self._tell_led(item, position)
        await self._tell_doubtful(item, position, doubtful)
        while untold := self._untold(position)[:GROUPS]:
            # Of them nobody could be judged: they wait until somebody can. Or their rights have changed meanwhile.
            await self._tell_doubtful(item, position, await self._tell_each(untold, item))

    async def _tell_doubtful(self, item: Event | Resync, position: Position, doubtful: dict[Member, None]) -> None:
        async for judged in self._judging(doubtful):
            doubtful |= await self._tell_led(item, position)
            self._bring([each for each in judged if each not in doubtful], position)

    async def _judging(self, doubtful: dict[Member, None]) -> AsyncIterator[list[Member]]:
        """All of them, some at a time, who are judged as far as anybody can tell; more may be added meanwhile."""
        known = True
        while doubtful:
            batch = list(islice(doubtful, BATCH))
            for member in batch:
                del doubtful[member]
            known = known and await self._judged(batch)
            for member in batch:
                if member.group is not None:
                    member.group.trusts(member)
            yield batch
            if doubtful:
                await asyncio.sleep(0)

    async def _tell_led(self, item: Event | Resync, position: Position) -> dict[Member, None]:
        """Have those told that were not yet, if somebody is there who can lead them; whom it could not be told to."""
        left: dict[Member, None] = {}
        while led := [each for each in self._untold(position) if each.led][:GROUPS]:
            left |= await self._tell_each(led, item)
        return left

    async def _tell_each(self, groups: Iterable[Group], item: Event | Resync) -> dict[Member, None]:
        """Have them told at once; whom it could not be told to."""
        found = await asyncio.gather(*(self._tell(group, item) for group in groups))
        return dict.fromkeys(chain.from_iterable(found))

    def _untold(self, position: Position) -> list[Group]:
        return [each for each in self._places.groups.values() if each.position < position]

    async def _tell(self, group: Group, item: Event | Resync) -> Iterable[Member]:
        try:
            event, left = await group.take(item)
        except Exception as error:  # as it would end each of them alone
            self._fail(group, error)
            return ()
        self._places.grows(event)
        return left

    async def _tell_apart(self, item: Event | Resync, position: Position, by: str | None) -> None:
        for group in self._untold(position):
            try:
                await group.take_apart(item, lambda member: by is None or by == str(member.standing.user_id))
            except Exception as error:
                self._fail(group, error)

    def _bring(self, members: Iterable[Member], position: Position) -> None:
        """Have those told whose group was told without them."""
        for member in members:
            group = member.group
            if group is not None and member.task is None and group.position >= position:
                group.bring(member)

    def _fail(self, group: Group, error: Exception) -> None:
        body = self._renderer.failed(error)
        group.position = Position(2**64, 0)
        for member in list(group.members):
            self._places.part(member)
            member.work(finish(member.outlet, body))

    async def _judged(self, members: list[Member]) -> bool:
        """Have them where their rights as of now belong; False where nobody can tell these."""
        there = [each for each in members if each.group is not None and each.task is None and not each.settled]
        try:
            await self._store.remember(each.standing.user_id for each in there if each.standing.user_id is not None)
        except UNJUDGED:
            return False
        for member in there:
            if member.task is not None or member.group is None:
                continue
            if await member.settle(patient=False):
                if not self._places.place(member):
                    member.number = -1  # he has not what his new group has
                    member.work(self._solo.follow(member))
            elif not member.standing.over:
                return False
        return True
