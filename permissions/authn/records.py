"""A session as Redis has it: a hash, and an entry in its user's index. All of one user lies in one cluster slot."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from beanie import PydanticObjectId

from permissions.authn.principal import Principal


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in device."""

    id: str
    user_id: PydanticObjectId
    device: str | None
    ip: str | None
    """Where it was used last."""
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    """Its absolute end."""
    opened_ip: str | None = None
    agent: str = ""
    """A digest of the program's own words, see `devices.agent_of`."""

    @property
    def principal(self) -> Principal:
        """Whom it lets in."""
        return Principal(self.user_id, self.id)


def key_of(principal: Principal) -> str:
    """The session's hash."""
    return f"parley:{{{principal.user_id}}}:session:{principal.session_id}"


def index_of(user_id: PydanticObjectId) -> str:
    """The user's session ids, sorted by when they end."""
    # The braces are the hash tag: one user, one slot.
    return f"parley:{{{user_id}}}:sessions"


def written(session: Session) -> dict[str, str | int]:
    """The hash's fields."""
    return {
        "device": session.device or "",
        "agent": session.agent,
        "ip": session.ip or "",
        "opened_ip": session.opened_ip or "",
        "created": ms(session.created_at),
        "used": ms(session.last_used_at),
        "expires": ms(session.expires_at),
    }


def read(principal: Principal, record: Mapping[str, str]) -> Session:
    """The session of a hash that still lives."""
    return Session(
        id=principal.session_id,
        user_id=principal.user_id,
        device=record["device"] or None,
        ip=record["ip"] or None,
        created_at=moment(record["created"]),
        last_used_at=moment(record["used"]),
        expires_at=moment(record["expires"]),
        # Absent in sessions that an earlier release opened.
        opened_ip=record.get("opened_ip") or None,
        agent=record.get("agent", ""),
    )


def ms(at: datetime) -> int:
    """Milliseconds since 1970."""
    return round(at.timestamp() * 1000)


def moment(text: str) -> datetime:
    """What `ms` wrote."""
    return datetime.fromtimestamp(int(text) / 1000, UTC)


def pairs(flat: list[Any]) -> dict[str, str]:
    """A hash as scripts answer it: names and values in turn."""
    return {text(name): text(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}


def text(value: Any) -> str:
    """Clients that decode answers and clients that don't are both fine."""
    return value.decode() if isinstance(value, bytes) else str(value)
