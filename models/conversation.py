"""A conversation, and where each reader left off in it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from beanie import Document, PydanticObjectId
from pydantic import BaseModel, Field

from models.clock import now
from models.eager import eager
from models.list_terms import TERMED, changed_terms, stored_terms
from models.news import new_mark, noting, number_of
from models.share import Share


class Removal(BaseModel):
    """A message that was removed with all below it, until that is purged. Places are addresses, as text."""

    at: str
    parent: str | None
    ordinal: int
    """Which child of its parent it is."""
    deleted_at: datetime
    messages: int = 0
    branches: int = 0
    """What was taken off the conversation's figures, to be put back when it is restored."""
    purging: bool = False
    """It can't be restored any more: parts of it are gone."""


@eager
class Conversation(Document):
    """Who owns it, what policies look at, and the figures that a list of conversations shows.

    `message_count`, `branch_count`, `updated_at` are denormalised: `tree.touch` writes them after each append.
    """

    id: PydanticObjectId = Field(default_factory=PydanticObjectId)
    owner_id: PydanticObjectId
    title: str | None = None
    title_key: str | None = None
    """The title case folded, for `titleContains`: embedded stores have no collation."""
    tags: list[str] = Field(default_factory=list)
    attributes: dict[str, Any] = Field(default_factory=dict)
    archived: bool = False
    answers: bool = False
    """Whether every message of a user is answered by the assistant, as far as its writer may ask for that."""
    deleted: bool = False
    """A deleted one is invisible to everybody, and stored until it is purged."""
    deleted_at: datetime | None = None
    purging: bool = False
    """A deleted one that can't be restored any more: parts of it are gone."""
    removed: list[Removal] = Field(default_factory=list)
    """Subtrees that are out of sight (`tree.removals`); `tree.deletion` adds and takes away, at most 200."""
    started_at: datetime
    updated_at: datetime
    message_count: int = 0
    counted: list[str] = Field(default_factory=list)
    """The latest messages that were counted, in order (`tree.figures`): so none is counted twice."""
    branch_count: int = 1
    news: int = 0
    """The number of its latest change that readers are told of (`models.news`)."""
    newest: list[str] = Field(default_factory=list)
    """The marks of the latest of them, in order."""
    root_forks: int = 0
    """How many alternatives the very first message has; those of other messages stand on their parent."""
    root_gone: list[int] = Field(default_factory=list)
    """Which of them were purged, by ordinal; for other messages this, too, stands on their parent."""
    chosen_branch: str = "main"
    """Where the owner left off; `Reader` remembers it for everybody else."""
    slot_width: int
    """Depths to a slot of buckets (`tree.address`); fixed for life, so that the setting may change."""
    shares: list[Share] = Field(default_factory=list)
    """Who else may use it: at most 200, one for each grantee and branch."""
    grantees: list[str] = Field(default_factory=list)
    """Whom `shares` are for, each once, written in the same update: an index finds a conversation by them."""
    terms: list[str] = Field(default_factory=list)
    title_terms: list[str] = Field(default_factory=list)
    """What lists find it by (`list_terms`): `insert` and `change` write them with the fields that they follow from."""
    source: str | None = None
    """Where it was imported from: format and id, for the curious; the document's id is derived from it."""

    class Settings:
        name = "conversations"

    async def insert(self, **options: Any) -> Self:
        """Store it, with the terms that follow from it."""
        terms = stored_terms(self.id, self.model_dump(include=TERMED))
        self.terms, self.title_terms = terms["terms"], terms["title_terms"]
        return await super().insert(**options)

    def number_of(self, mark: str) -> int | None:
        """The number of the change with that mark, as `models.news` has it."""
        return number_of(self.news, self.newest, mark)

    async def change(self, fields: Mapping[str, Any], mark: str | None = None) -> "Conversation":
        """Write `fields`, and the terms that follow from them, and return the conversation with them."""
        changed = {**fields, "updated_at": now()}
        stage = {name: {"$literal": value} for name, value in changed.items()} | changed_terms(self.id, fields)
        stage |= noting(mark or new_mark())
        await self.get_pymongo_collection().update_one({"_id": self.id}, [{"$set": stage}])
        copy: Conversation = self.model_copy(update=changed)
        return copy


class Reader(Document):
    """The branch on which a reader other than the owner left off. Its id is `conversation:user`.

    INVARIANT: who wrote in somebody else's conversation has one, and had it before: so all that he wrote can be found.
    """

    id: str  # type: ignore[assignment]  # Beanie's ids may be of any type
    conversation_id: PydanticObjectId
    user_id: PydanticObjectId
    chosen_branch: str | None = None
    """None before he chose any: then it is the owner's."""

    class Settings:
        name = "readers"


def title_key(title: str | None) -> str | None:
    """The form in which a title is looked for."""
    return title and title.casefold()
