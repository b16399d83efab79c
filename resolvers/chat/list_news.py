"""News for lists of conversations: a note with what rights hang on, before and after, to whoever may see it.

It goes where the owner listens, where each grantee does, and where those do who see by other rules. So each of them
decides by himself, and nobody asks the database in order to decide.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

import structlog
from beanie import PydanticObjectId

from models.conversation import Conversation
from models.share import user_grantee
from permissions.audit.events import decoded, encoded
from permissions.engine.facts import Resource, Share
from permissions.resources import CONVERSATION, conversation_resource
from resolvers.live import Broker, BrokerUnavailableError
from resolvers.live.broker import Note as Announced

_log: Final = structlog.get_logger(__name__)

ALL: Final = "list:all"
"""Where those listen who see conversations by more than owning them, or a share."""


class Note(NamedTuple):
    """What became of a conversation, as far as lists show it; None where it is not there, or deleted.

    `moved`: it was written to, and rights are as they were.
    """

    id: PydanticObjectId
    was: Resource | None
    is_: Resource | None
    moved: bool
    channels: frozenset[str]
    """Where it is told."""

    @classmethod
    def of(cls, payload: bytes) -> "Note | None":
        """The note that an event carries; None for another."""
        return _note(payload)


def list_channel(grantee: str) -> str:
    """Where somebody hears of what is his, or shared with him; or with a role."""
    return f"list:{grantee}"


async def announce_listed(broker: Broker, was: Conversation | None, is_: Conversation | None) -> None:
    """It is new, gone, or another one than it was."""
    try:
        await broker.publish_all(_notes(was, is_, moved=False))
    except BrokerUnavailableError:
        _log.warning("list not told", conversations=[str(each.id) for each in (was, is_) if each])


async def announce_many(broker: Broker, owner_id: PydanticObjectId) -> None:
    """So many of his are new that whoever sees them reads the list again."""
    for channel in (ALL, list_channel(user_grantee(owner_id))):
        try:
            await broker.publish(channel, b"?")
        except BrokerUnavailableError:
            _log.warning("list not told", owner=str(owner_id))


def announce_moved(broker: Broker, conversation: Conversation) -> None:
    """It was written to: that is told within a second, once for all that is written till then."""
    broker.pacer.soon(f"moved:{conversation.id}", partial(_notes, conversation, conversation, moved=True))


def _notes(was: Conversation | None, is_: Conversation | None, *, moved: bool) -> list[Announced]:
    there = [each for each in (was, is_) if each is not None]
    grantees = sorted({user_grantee(there[-1].owner_id), *(share.grantee for each in there for share in each.shares)})
    note = {"id": there[-1].id, "to": grantees, "was": _facts(was), "is": _facts(is_), "moved": moved}
    payload = (encoded(note) or "?").encode()
    return [Announced(channel, payload) for channel in (ALL, *map(list_channel, grantees))]


@lru_cache(maxsize=256)
def _note(payload: bytes) -> Note | None:
    """Read once for all subscribers of a worker."""
    try:
        fields = decoded(payload.decode())
        was, is_ = (_resource(fields["id"], fields[name]) for name in ("was", "is"))
        id_, moved = PydanticObjectId(fields["id"]), bool(fields["moved"])
        return Note(id_, is_ if moved else was, is_, moved, frozenset([ALL, *map(list_channel, fields["to"])]))
    except (KeyError, TypeError, ValueError):
        return None


def _facts(conversation: Conversation | None) -> Mapping[str, Any] | None:
    if conversation is None or conversation.deleted:
        return None
    about = conversation_resource(conversation)
    return {"attributes": dict(about.attributes), "shares": [list(share) for share in about.shares]}


def _resource(id_: Any, facts: Mapping[str, Any] | None) -> Resource | None:
    if facts is None:
        return None
    shares = tuple(Share(each[0], each[1], _moment(each[2]), each[3]) for each in facts["shares"])
    return Resource(CONVERSATION, id_, facts["attributes"], shares)


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    raise TypeError
