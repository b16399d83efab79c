"""What waits to be purged: one note for each deletion, written before the deletion itself."""

from datetime import datetime
from enum import StrEnum

from beanie import Document, PydanticObjectId


class DeletionKind(StrEnum):
    """What was deleted."""

    MESSAGE = "message"
    SUBTREE = "subtree"
    CONVERSATION = "conversation"
    FIGURES = "figures"
    """Nothing: the conversation is to be counted anew, as somebody may have written while a subtree was removed."""


class Deletion(Document):
    """Where to look once the retention time is over. The id is the place: deleted again, it is the same note.

    It decides nothing. What is purged is what is then found deleted, for long enough, where it points; a note of
    something that was restored, or never came to be deleted, is thrown away.
    """

    id: str  # type: ignore[assignment]  # Beanie's ids may be of any type
    kind: DeletionKind
    conversation_id: PydanticObjectId
    address: str | None = None
    deleted_at: datetime
    by: PydanticObjectId | None = None
    due_at: datetime | None = None
    """When it is to be purged whatever the retention time says: after a legal erase."""
    excess: tuple[int, int] | None = None
    """Of a subtree: by how many messages and branches the figures are too high; counted once, before any goes."""
    inside: list[str] | None = None
    """Of a subtree: the addresses of other removed ones in it, whose marks go with its own; found at the same time."""

    class Settings:
        name = "deletions"
