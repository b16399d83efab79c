"""Buckets: runs of consecutive messages of one branch, bounded in number and bytes."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from beanie import Document, PydanticObjectId
from pydantic import BaseModel, Field

from models.attachment import Attachment


class MessageRole(StrEnum):
    """Who speaks."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


class MessageStatus(StrEnum):
    """Whether a message is whole."""

    COMPLETE = "complete"
    STREAMING = "streaming"
    INTERRUPTED = "interrupted"


MAX_COUNT: Final = 2**31 - 1
"""What GraphQL's `Int` holds."""
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]


class Metadata(BaseModel):
    """How an answer was made. `latency_ms` in milliseconds; `tokens_used` where in and out aren't known apart."""

    llm_model: str | None = None
    tokens_used: Count | None = None
    tokens_in: Count | None = None
    tokens_out: Count | None = None
    latency_ms: Count | None = None
    finish_reason: str | None = None
    extra: dict[str, Any] = {}


class Message(BaseModel):
    """A message as it lies in its bucket; what is None or empty is not stored."""

    depth: int
    role: MessageRole
    content: str | None = None
    """None once a deleted message is purged; until then it is kept, and `tree.history` shows it to nobody."""
    created_at: datetime
    author_id: PydanticObjectId | None = None
    status: MessageStatus = MessageStatus.COMPLETE
    metadata: Metadata | None = None
    attachments: list[Attachment] = []
    edited_from: str | None = None
    """Address (`branch.depth`) of the message that this one is a new version of."""
    deleted_at: datetime | None = None
    idempotency_key: str | None = None
    nonce: int | None = None
    """By this an append knows its own message, when a store that was killed has forgotten that it stored it."""
    forks: int = 0
    """Branches that leave after this message. `tree.fork` raises it after the branch has its ordinal."""
    gone: list[int] = []
    """Ordinals of children that were removed with all below them, and purged (`tree.purge`)."""
    removed: bool = False
    """What is left of the first message of a purged subtree: it keeps the address taken, and nobody sees it."""


class Bucket(Document):
    """Consecutive messages of one branch, from `first_depth` on, all in one slot of depths.

    A branch's last bucket, and no other, has `tail` (the branch), `next_depth` and `open`: so one index entry
    finds the end of a branch, and appending is one conditional update of it. `lineage` (`tree.lineage.Lineage`)
    stands in the first and the last bucket of a branch; it never changes but for the `ordinal` that a new branch
    gets once.
    """

    id: PydanticObjectId = Field(default_factory=PydanticObjectId)
    """Of one that is begun after a closed one, it follows from where it begins (`tree.buckets.following`)."""
    conversation_id: PydanticObjectId
    branch: str
    slot: str
    first_depth: int
    size: int
    """BSON bytes of the messages as they were appended; never lowered, so that a closed bucket stays closed."""
    messages: list[Message]
    tail: str | None = None
    next_depth: int | None = None
    open: bool | None = None
    cut: bool = False
    """Of a tail: its last message is the `removed` rest of a purged subtree, and nothing may follow it."""
    lineage: dict[str, Any] | None = None
    unnumbered: PydanticObjectId | None = None
    """Its id, in the first bucket of a branch that has no ordinal yet: if its writer died, `tree.orphans` finds it."""
    unindexed: bool | str | None = None
    """Some message in it isn't in the full-text index: the write that stores a message says so (`search.outbox`)."""
    indexed_to: int | None = None
    """Messages below this depth are in the full-text index."""
    uncounted: bool | None = None
    """Its tally isn't true: the write that changes what counts in it says so (`tree.tallies`)."""
    owner_id: PydanticObjectId | None = None
    """Whose conversation it is in, by which he finds those of his that are uncounted. An owner never changes. None in
    old buckets, until they are counted."""
    changes: int = 0
    """How often what counts in it has changed."""
    growing: datetime | None = None
    """When a message in it that is still being written was last saved; only as long as there is one (`tree.growth`)."""
    revised: int = 0
    """How often such a message became whole, so that the full-text index doesn't take an older reading for it."""
    planting: bytes | None = None
    """Which text it was planted with, so that an unfinished planting is completed by the same one only."""

    class Settings:
        name = "buckets"
