"""A branch: where it left its parent, and which of its siblings it is."""

from datetime import datetime

from beanie import Document, PydanticObjectId
from pydantic import Field


class Branch(Document):
    """A run of messages that left `parent_branch` after depth `fork_depth - 1`.

    `ordinal` numbers the children of one message from 0 (the one on the parent's own branch), without gaps: a unique
    index gives each number out once. `main` is child 0 of nothing.
    """

    id: PydanticObjectId = Field(default_factory=PydanticObjectId)
    conversation_id: PydanticObjectId
    branch: str
    parent_branch: str | None
    fork_depth: int
    ordinal: int
    created_at: datetime

    class Settings:
        name = "branches"
