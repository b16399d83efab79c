"""Pieces of messages that are being written, as one subscriber is to see them: all of each text, and nothing twice."""

from collections.abc import Iterable
from typing import Final

import strawberry
from beanie import PydanticObjectId

from models.conversation import Conversation
from models.tree import Address
from resolvers.chat.events import MessageDelta
from resolvers.chat.tree import Message
from resolvers.context import Context
from resolvers.ids import message_id
from resolvers.live import Delta

MOST: Final = 256
"""Messages of which it is known what he has: those that were shown last."""


class Deltas:
    """What one subscriber of a conversation has of each. `joined`: he has nothing of what came before."""

    def __init__(self, context: Context, conversation_id: PydanticObjectId, *, joined: bool) -> None:
        self._context = context
        self._conversation_id = conversation_id
        self._joined = joined
        self._told: dict[Address, int] = {}

    def by(self, context: Context) -> "Deltas":
        """The same so far, read with another context."""
        made = Deltas(context, self._conversation_id, joined=self._joined)
        made._told = dict(self._told)
        return made

    def agrees(self, other: "Deltas", addresses: Iterable[Address]) -> bool:
        """Whether both are shown the same of what is still to come of those."""
        told = [(self._told.get(each), other._told.get(each)) for each in addresses]
        return all(own == others and (own is not None or self._joined == other._joined) for own, others in told)

    def lost(self) -> None:
        """Events are missing: what he has of each is not known any more."""
        self._told.clear()
        self._joined = True

    def told(self, message: Message) -> None:
        """He is shown the message as it is by now, which may be whole, though pieces of it are still to come."""
        self._has(message.row.address, len((message.content or "").encode()))

    async def event(self, conversation: Conversation, cursor: str, delta: Delta) -> MessageDelta | None:
        """The piece, or what of it is new to him; None for what he has, or doesn't see."""
        sight = await self._context.sights.of(conversation)
        if sight is not None and not sight.sees(delta.address):
            return None
        known = self._told.get(delta.address)
        if known is None and self._joined and delta.offset:
            delta = await self._from_the_start(delta)
        elif known is not None and delta.offset < known:
            delta = delta.after(known)
            if not delta.text:
                return None
        self._has(delta.address, delta.stop)
        written = strawberry.ID(message_id(self._conversation_id, delta.address))
        return MessageDelta(cursor=cursor, message_id=written, offset=delta.offset, text=delta.text)

    def _has(self, address: Address, length: int) -> None:
        self._told.pop(address, None)
        self._told[address] = length
        if len(self._told) > MOST:
            del self._told[next(iter(self._told))]

    async def _from_the_start(self, delta: Delta) -> Delta:
        """All up to its end; the piece alone where Redis has forgotten the text, which is stored then."""
        texts = await self._context.texts.texts(self._conversation_id, [delta.address])
        text = texts.get(delta.address, "").encode()
        if len(text) < delta.stop:
            return delta
        return Delta(delta.address, 0, text[: delta.stop].decode())
