"""One message as a reader understood it, before it has a place in a tree."""

from dataclasses import dataclass
from datetime import datetime
from sys import getsizeof

from models.bucket import MessageRole, MessageStatus, Metadata


@dataclass(frozen=True, slots=True)
class Said:
    """What a message says. `flaw` is the reason why some of it was replaced or cut."""

    role: MessageRole
    content: str
    created_at: datetime | None
    status: MessageStatus
    metadata: Metadata | None
    flaw: str | None = None

    @property
    def weight(self) -> int:
        """About the memory that it takes, in bytes."""
        return getsizeof(self.content) + 1500


class UnfitMessageError(ValueError):
    """A message that can't be understood; the text says why."""


def unknown_role(role: object) -> UnfitMessageError:
    """What is no text isn't quoted: it may hold what somebody said."""
    name = f"the unknown role `{role[:80]}`" if isinstance(role, str) else "no role"
    return UnfitMessageError(f"it has {name}")
