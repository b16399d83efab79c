"""Members of one conversation who asked the same and see the same: what one of them is told, all are."""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from types import SimpleNamespace
from typing import Final, cast

from api.fanout.log import Answer, AnswerLog
from api.fanout.members import Member
from api.fanout.rendering import Renderer
from api.fanout.rights import rights
from api.fanout.trust import Trust
from resolvers.chat.deltas import Deltas
from resolvers.chat.events import AccessRevoked, ConversationEvent, ResyncRequired
from resolvers.chat.patience import MISSED, made_good, patiently
from resolvers.chat.subscriptions import visible_event
from resolvers.context import Context, Info
from resolvers.live.broker import Event, Position, Resync

AT_ONCE: Final = 200
"""Members written to before others have their turn."""


class Group:
    """`position` is that of the last item that it was told."""

    def __init__(
        self,
        key: Hashable,
        deltas: Deltas,
        position: Position,
        log: AnswerLog,
        trust: Trust,
        renderer: Renderer,
    ) -> None:
        self.key: Hashable = key
        self.deltas = deltas
        self.position = position
        self.members: dict[Member, None] = {}
        self.log = log
        self.trust: Final = trust
        self._renderer: Final = renderer
        self._before = deltas, log.last
        self._behind = False

    def enter(self, member: Member, at: Position, since: Position | None = None) -> None:
        """He is told what comes after `at`: the last item, or the one before; or after `since`."""
        self.members[member] = None
        self.trust.doubt(member)
        number = self._before[1] if self.position > at else self.log.last
        member.group, member.number, member.since = self, number, since

    def leave(self, member: Member) -> None:
        """He is told nothing more."""
        self.members.pop(member, None)
        self.trust.forget(member)
        member.group = None

    def doubt(self, member: Member) -> None:
        """As of any fellows."""
        self.trust.doubt(member)

    def trusts(self, member: Member) -> bool:
        """As of any fellows."""
        return self.trust.holds(member)

    def deltas_at(self, position: Position) -> Deltas:
        """What they had of texts then: after the last item, or after the one before."""
        return self._before[0] if self.position > position else self.deltas

    @property
    def led(self) -> bool:
        """Whether there is anybody by whose rights all can be told."""
        return len(self.trust.doubtful) < len(self.members)

    async def take(self, item: Event | Resync) -> tuple[ConversationEvent | None, list[Member]]:
        """Have all told what happened; return it, and those who have to be judged first, to `bring` it to them.

        Where nobody has the group's rights any more, it is told nothing: each has to be judged, and to go elsewhere.
        Raises what keeps it from being told to anybody.
        """
        self._before = self.deltas, self.log.last
        answered = await self._answer(item)
        if answered is None:
            return None, self._unsettled(Position.of(item.cursor))
        event, bodies = answered
        self.position = Position.of(item.cursor)
        left: dict[Member, None] = {}
        for body in bodies:
            await self._deliver(self.log.add(self.position, body), left)
        return event, list(left)

    def bring(self, member: Member) -> None:
        """Tell him what he has not been told; what can't be told at once he reads by himself."""
        while member.number < self.log.last:
            answer = self.log.after(member.number)
            if answer is None or not self.trusts(member) or not self._give(member, answer):
                member.follow()
                return

    def tidy(self) -> None:
        """All have been told, or read by themselves: keep nothing for whom nobody needs it."""
        if not self._behind or all(each.number == self.log.last for each in self.members):
            self._behind = False
            self.log.clear()

    async def take_apart(self, item: Event | Resync, concerned: Callable[[Member], bool]) -> None:
        """Have each of those whom it concerns told by himself; the group isn't told anything."""
        self._before, self.position = (self.deltas, self.log.last), Position.of(item.cursor)
        for member in [each for each in self.members if concerned(each)]:
            event = await event_for(member, item, self.deltas.by(member.context))
            if event is None or isinstance(event, AccessRevoked):
                continue
            body = await self._renderer.render(member.context, member.question, event)
            if member.group is self and (member.task is not None or not member.outlet.write(body)):
                member.number = -1  # it is not kept: he reads anew
                if member.task is None:
                    member.follow()

    async def resync(self, member: Member, reason: str) -> bytes:
        """What stands for all that he was not told; what follows is told to him, too."""
        member.number, member.since = self.log.last, None
        event = ResyncRequired(cursor=str(self.position), reason=reason)
        return await self._renderer.render(member.context, member.question, event)

    def _unsettled(self, position: Position) -> list[Member]:
        """All who do nothing by themselves; the others are told that they have missed what is at `position`."""
        waiting = [each for each in self.members if each.task is None]
        for member in self.members:
            member.access = None
            self.trust.doubt(member)
            if member.task is not None:
                member.number = -1
        if not waiting:
            self.position = position
        return waiting

    async def _answer(self, item: Event | Resync) -> tuple[ConversationEvent | None, list[bytes]] | None:
        """By the rights of one of them, who has the group's rights in the very moment; None where nobody has.

        INVARIANT: the fields are guarded by the access from which the key is made.
        """
        for lead in self._leads():
            deltas = self.deltas.by(lead.context)
            event = await event_for(lead, item, deltas)
            access, conversation = lead.context.access, lead.standing.conversation
            if isinstance(event, AccessRevoked) or conversation is None or lead.standing.over:
                continue  # he hears of it by himself
            if self.key is not lead and rights(access, conversation, lead.question) != self.key:
                continue  # he is not one of them any more
            lead.access, self.deltas = access, deltas
            bodies = [body async for body in self._bodies(lead, event, deltas)] if event else []
            # To make them may have taken long: that he, and the others, still have the right is looked at after that.
            await patiently(lead.context, lead.context.standings.store.freshen)
            lead.context.forget_loaded()
            return event, bodies
        return None

    async def _bodies(self, lead: Member, event: ConversationEvent, deltas: Deltas) -> AsyncIterator[bytes]:
        """The answer, and where it was not whole, what says so."""
        yield await self._renderer.render(lead.context, lead.question, event, self._others(lead))
        if await made_good(lead.context):
            deltas.lost()
            missed = ResyncRequired(cursor=event.cursor, reason=MISSED)
            yield await self._renderer.render(lead.context, lead.question, missed)

    def _others(self, lead: Member) -> Iterator[Context]:
        """One subscription of each account but his."""
        seen = {lead.standing.user_id}
        for each in list(self.members):
            if each.standing.user_id not in seen:
                seen.add(each.standing.user_id)
                yield each.context

    def _leads(self) -> Iterator[Member]:
        """Whoever is not behind, and not in doubt, comes first."""
        last = []
        for each in list(self.members):
            if each.task is None and each not in self.trust.doubtful:
                yield each
            else:
                last.append(each)
        yield from sorted(last, key=lambda each: each.task is not None)

    async def _deliver(self, answer: Answer, left: dict[Member, None]) -> None:
        """At once to those who can take it; the others follow by themselves: for them it is kept."""
        before = answer.number - 1
        doubtful = self.trust.doubtful
        for index, member in enumerate(list(self.members)):
            if index % AT_ONCE == 0:
                if index:
                    await asyncio.sleep(0)
                self.trust.look(self.members)
            if member.number != before or member.task is not None or member.group is not self:
                self._behind = True
            elif doubtful and not self.trust.holds(member):
                self._behind = True
                left[member] = None
            elif not self._give(member, answer):
                self._behind = True
                member.follow()

    def _give(self, member: Member, answer: Answer) -> bool:
        """Tell him, if he can take it now."""
        if (member.since is not None and not passed(member, answer.position)) or member.outlet.write(answer.body):
            member.number = answer.number
            return True
        return False


def passed(member: Member, position: Position) -> bool:
    """Whether what is at `position` is new to him who came to the group from further on."""
    if member.since is not None and position <= member.since:
        return False
    member.since = None
    return True


async def event_for(member: Member, item: Event | Resync, deltas: Deltas) -> ConversationEvent | None:
    """What he is told of it, as if he were alone."""
    asking = cast(Info, SimpleNamespace(context=member.context))
    return await visible_event(asking, member.standing, item, deltas)
