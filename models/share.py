"""Who else may read a conversation or write in it: its shares, as stored."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from beanie import PydanticObjectId
from bson import ObjectId
from pydantic import BaseModel

MOST_SHARES: Final = 200
"""Of one conversation."""

MOST_FORKS: Final = 500
"""Of one conversation, in all its shares."""

FOREVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""The end of a share that has none: so that one comparison tells of all shares whether they still hold."""

_USER: Final = "user:"
_ROLE: Final = "role:"


class ShareAccess(StrEnum):
    """What a share gives. Who may write may read."""

    READ = "read"
    WRITE = "write"


class Share(BaseModel):
    """What one user, or those who hold one role, may do with a conversation or one of its branches."""

    grantee: str
    """`user:<id>` or `role:<name>`."""
    access: ShareAccess
    branch: str | None = None
    """Of one branch only its path is shared; None is the whole conversation."""
    until: datetime = FOREVER
    """Exclusive."""
    by: PydanticObjectId
    at: datetime
    forks: list[str] = []
    """Branches that were begun by this share, of what it shows: it shows them too. Of a branch's share only."""

    @property
    def user_id(self) -> PydanticObjectId | None:
        """Whom it is for, if for a user."""
        return PydanticObjectId(self.grantee[len(_USER) :]) if self.grantee.startswith(_USER) else None

    @property
    def role(self) -> str | None:
        """Whose holders it is for, if for a role."""
        return self.grantee[len(_ROLE) :] if self.grantee.startswith(_ROLE) else None

    @property
    def ends(self) -> datetime | None:
        """When it ends; None is never."""
        return None if self.until == FOREVER else self.until

    def holds(self, at: datetime) -> bool:
        """Whether it counts at that moment."""
        return at < self.until

    def gives(self, access: ShareAccess) -> bool:
        """Whether it is enough for that."""
        return self.access is access or self.access is ShareAccess.WRITE


def user_grantee(user_id: ObjectId) -> str:
    """How shares name a user."""
    return f"{_USER}{user_id}"


def role_grantee(role: str) -> str:
    """How shares name those who hold a role."""
    return f"{_ROLE}{role}"


def grantees(shares: Iterable[Share]) -> list[str]:
    """Whom `shares` are for, each once, in order: what `Conversation.grantees` holds."""
    return sorted({share.grantee for share in shares})


def same(one: Share, other: Share) -> bool:
    """Whether one is given in place of the other."""
    return (one.grantee, one.branch) == (other.grantee, other.branch)


def without(shares: Sequence[Share], grantee: str, branch: str | None) -> list[Share]:
    """All but the one of that grantee for that branch."""
    return [share for share in shares if (share.grantee, share.branch) != (grantee, branch)]
