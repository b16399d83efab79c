"""A conversation, and where each reader left off in it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from beanie import Document, PydanticObjectId
from pydantic import Field

from models.clock import now


class Conversation(Document):
    """Who owns it, what policies look at, and the figures that a list of conversations shows.

    `message_count`, `branch_count`, `updated_at` are denormalised: `tree.touch` writes them after each append.
    """

    id: PydanticObjectId = Field(default_factory=PydanticObjectId)
    owner_id: PydanticObjectId
    title: str | None = None
    title_key: str | None = None
    """The title case folded, for `titleContains`: embedded stores have no collation."""
    tags: list[str] = []
    attributes: dict[str, Any] = {}
    archived: bool = False
    deleted: bool = False
    """A deleted one is invisible to everybody, and stored until it is purged."""
    deleted_at: datetime | None = None
    started_at: datetime
    updated_at: datetime
    message_count: int = 0
    counted: list[str] = []
    """The latest messages that were counted, in order (`tree.figures`): so none is counted twice."""
    branch_count: int = 1
    root_forks: int = 0
    """How many alternatives the very first message has; those of other messages stand on their parent."""
    chosen_branch: str = "main"
    """Where the owner left off; `Reader` remembers it for everybody else."""
    slot_width: int
    """Depths to a slot of buckets (`tree.address`); fixed for life, so that the setting may change."""
    source: str | None = None
    """Where it was imported from: format and id, for the curious; the document's id is derived from it."""

    class Settings:
        name = "conversations"

    async def change(self, fields: Mapping[str, Any]) -> "Conversation":
        """Write `fields`, and return the conversation with them."""
        changed = {**fields, "updated_at": now()}
        await self.get_pymongo_collection().update_one({"_id": self.id}, {"$set": changed})
        copy: Conversation = self.model_copy(update=changed)
        return copy


class Reader(Document):
    """The branch on which a reader other than the owner left off. Its id is `conversation:user`."""

    id: str  # type: ignore[assignment]  # Beanie's ids may be of any type
    conversation_id: PydanticObjectId
    user_id: PydanticObjectId
    chosen_branch: str

    class Settings:
        name = "readers"


def title_key(title: str | None) -> str | None:
    """The form in which a title is looked for."""
    return title and title.casefold()
