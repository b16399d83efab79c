"""News of somebody's sessions: on the broker small notes, in the schema what his devices want to know at once."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Self

import orjson
import strawberry
import structlog
from beanie import PydanticObjectId

from models.clock import now
from permissions.authn.accounts import Signed
from resolvers.account.types import Session
from resolvers.ids import encode
from resolvers.live import Broker, BrokerUnavailableError

_log: Final = structlog.get_logger(__name__)


@strawberry.interface(description="Something happened to one of your sessions.")
class SessionEvent:
    """Common to all."""

    at: datetime


@strawberry.type(description="Somebody signed in to your account.")
class SessionOpened(SessionEvent):
    """Not told to the session itself."""

    session: Session
    new_device: bool = strawberry.field(description="Whether no living session was on such a device.")


@strawberry.type(
    description="A session ended before its time. If it is the `current` one, nothing follows: the socket is closed."
)
class SessionEnded(SessionEvent):
    """By whomever."""

    session_id: strawberry.ID
    reason: str = strawberry.field(
        description="`logged_out`, `session_ended`, `ended_by_admin`, `refresh_token_reused`, … or an "
        "administrator's own words."
    )
    current: bool = strawberry.field(description="Whether it is the one that asks.")

    @classmethod
    def own(cls, user_id: PydanticObjectId, session_id: str, reason: str) -> Self:
        """The last thing that a client hears."""
        return cls(at=now(), session_id=session_gid(user_id, session_id), reason=reason, current=True)


@strawberry.type(description="Events are missing here: list the sessions again. What follows is exact.")
class SessionsChanged(SessionEvent):
    """In place of silence."""

    reason: str


SESSION_EVENTS: Final = [SessionOpened, SessionEnded, SessionsChanged]


def channel(user_id: PydanticObjectId) -> str:
    """Where the news of somebody's sessions goes."""
    return f"sessions:{user_id}"


def session_gid(user_id: PydanticObjectId, session_id: str) -> strawberry.ID:
    """A session's global id."""
    return strawberry.ID(encode("Session", user_id, session_id))


async def announce_opened(broker: Broker, signed: Signed) -> None:
    """Somebody has signed in."""
    await _announce(broker, signed.user.id, {"opened": signed.session.id, "new_device": signed.new_device})


async def announce_ended(broker: Broker, user_id: PydanticObjectId, ended: Iterable[str], reason: str) -> None:
    """Sessions have ended. They themselves learn it by the revocation, which doesn't depend on this."""
    if ids := list(ended):
        await _announce(broker, user_id, {"ended": ids, "reason": reason})


async def _announce(broker: Broker, user_id: PydanticObjectId, note: dict[str, Any]) -> None:
    """It is done, so a broker that is away is no reason to fail: its subscribers will be told to list again."""
    try:
        await broker.publish(channel(user_id), orjson.dumps({**note, "at": now().isoformat()}))
    except BrokerUnavailableError:
        _log.warning("session event not announced")
