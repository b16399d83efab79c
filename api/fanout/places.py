"""Which group each of those is in who follow a conversation: by his question and his rights, and by what he has."""

from collections.abc import Hashable, Iterator

from beanie import PydanticObjectId

from api.fanout.groups import Group
from api.fanout.log import AnswerLog
from api.fanout.members import Member
from api.fanout.questions import Question
from api.fanout.rendering import Renderer
from api.fanout.trust import Trust
from models.bucket import MessageStatus
from models.tree import Address
from resolvers.chat.deltas import Deltas
from resolvers.chat.events import ConversationEvent, MessageAdded, MessageChanged
from resolvers.live import Standings
from resolvers.live.broker import Position


class Places:
    """Of one conversation.

    `position` is that of the last item that all were told, `growing` are the messages of which more is to come.
    """

    __slots__ = (
        "_capacity",
        "_conversation_id",
        "_renderer",
        "_standings",
        "groups",
        "growing",
        "position",
    )

    def __init__(
        self,
        conversation_id: PydanticObjectId,
        renderer: Renderer,
        standings: Standings,
        capacity: int,
    ) -> None:
        self.groups: dict[tuple[Question, Hashable], Group] = {}
        self.growing: set[Address] = set()
        self.position = Position(0, 0)
        self._conversation_id = conversation_id
        self._renderer = renderer
        self._standings = standings
        self._capacity = capacity

    def __iter__(self) -> Iterator[Member]:
        return iter([member for group in self.groups.values() for member in group.members])

    def admit(self, member: Member, deltas: Deltas, position: Position) -> bool:
        """Let him into his group, who was told all up to `position`, if he has what the group has."""
        if position < self.position or member.standing.over:
            return False
        group = self.groups.get((member.question, member.key))
        if self.growing and (
            position != self.position or (group is not None and not deltas.agrees(group.deltas, self.growing))
        ):
            return False
        self.place(member, deltas, position)
        return True

    def place(self, member: Member, deltas: Deltas | None = None, since: Position | None = None) -> bool:
        """Have him in the group of his rights; whether he has what it has.

        What happens at the moment he is not told yet, though his group may be, or the one that he comes from.
        """
        where, before = (member.question, member.key), member.group
        group = self.groups.get(where)
        if group is not None and group is before:
            return True
        kept = before.deltas_at(self.position) if before is not None else deltas or self.texts_of(member)
        agrees = group is None or kept.agrees(group.deltas_at(self.position), self.growing)
        if group is None:
            group = self.groups[where] = self._group(member, kept)
        self.part(member)
        member.missing = None
        group.enter(member, self.position, since)
        return agrees

    def _group(self, member: Member, deltas: Deltas) -> Group:
        """One that was told what all were told."""
        log, trust = AnswerLog(self._capacity), Trust(self._standings)
        told = deltas.by(member.context)
        return Group(member.key, told, self.position, log, trust, self._renderer)

    def texts_of(self, member: Member) -> Deltas:
        """What he has of texts who comes now, or comes back."""
        return Deltas(member.context, self._conversation_id, joined=member.asked.after is None)

    def part(self, member: Member) -> None:
        """He is told nothing more with others."""
        group = member.group
        if group is None:
            return
        group.leave(member)
        where = (member.question, group.key)
        if not group.members and self.groups.get(where) is group:
            del self.groups[where]

    def doubtful(self) -> dict[Member, None]:
        """Those who have to be looked at before they are told anything."""
        found: dict[Member, None] = {}
        for group in self.groups.values():
            group.trust.look(group.members)
            found |= group.trust.doubtful
        return found

    def grows(self, event: ConversationEvent | None) -> None:
        """More of its message may be to come."""
        if isinstance(event, MessageAdded | MessageChanged) and event.message.status is MessageStatus.STREAMING:
            self.growing.add(event.message.row.address)
