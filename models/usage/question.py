"""What is asked about usage."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from beanie import PydanticObjectId

from models.bucket import MessageRole
from models.database import Record


class UsageDimension(StrEnum):
    """By what messages are grouped."""

    MODEL = "model"
    USER = "user"
    OWNER = "owner"
    ROLE = "role"
    TAG = "tag"
    DAY = "day"
    HOUR = "hour"


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Which messages are counted; None doesn't matter. `since` is included, `until` is not."""

    since: datetime | None = None
    until: datetime | None = None
    conversation_id: PydanticObjectId | None = None
    owner_id: PydanticObjectId | None = None
    author_id: PydanticObjectId | None = None
    llm_model: str | None = None
    role: MessageRole | None = None
    tags_any: Sequence[str] | None = None
    tags_all: Sequence[str] | None = None

    def conversations(self) -> Record:
        """What a conversation must match, for MongoDB. No value becomes an operator."""
        parts: list[Record] = []
        if self.owner_id is not None:
            parts.append({"owner_id": {"$eq": self.owner_id}})
        if self.tags_any is not None:
            parts.append({"tags": {"$in": list(self.tags_any)}})
        parts += [{"tags": {"$eq": tag}} for tag in self.tags_all or ()]
        return {"$and": parts} if parts else {}


@dataclass(frozen=True, slots=True)
class UsageQuestion:
    """How it is grouped, by whose clock, and over what."""

    by: Sequence[UsageDimension] = ()
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    wanted: UsageFilter = UsageFilter()
