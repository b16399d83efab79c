"""Legal erasure: that somebody is to be forgotten, how far that is, and what it came to."""

from datetime import datetime

from beanie import Document, PydanticObjectId


class Erasure(Document):
    """Of the account with the same id. It names nobody: the account's address and name are gone by then.

    Each number is counted once, whatever crashes: `counted` is the place that was counted last.
    """

    id: PydanticObjectId
    requested_at: datetime
    by: PydanticObjectId | None = None
    sessions: int | None = None
    assignments: int | None = None
    conversations: int | None = None
    messages: int = 0
    """In other people's conversations."""
    counted: str | None = None
    done_at: datetime | None = None

    class Settings:
        name = "erasures"
