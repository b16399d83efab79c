"""What a list is asked for: order, place, scope and filter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from beanie import PydanticObjectId
from bson import ObjectId

from models.conversation import Conversation


class ConversationOrder(StrEnum):
    """By which time, and which way."""

    UPDATED_DESC = "-updated_at"
    UPDATED_ASC = "updated_at"
    STARTED_DESC = "-started_at"
    STARTED_ASC = "started_at"

    @property
    def field(self) -> str:
        """The time that counts."""
        return self.value.lstrip("-")

    @property
    def descending(self) -> bool:
        """Whether the latest comes first."""
        return self.value.startswith("-")


class Place(NamedTuple):
    """Where a conversation stands in a list. Two at the same instant are told apart by their ids."""

    time: datetime
    id: PydanticObjectId


@dataclass(frozen=True, slots=True)
class Scope:
    """Conversations that `where` selects; `equal` are the `field: value` pairs which they all have."""

    equal: Mapping[str, Any]
    where: Mapping[str, Any]

    @property
    def ids(self) -> list[ObjectId] | None:
        """The conversations that it names, and no others lie in it; None where it names none."""
        for part in (self.where, *self.where.get("$and", ())):
            test = part.get("_id")
            if isinstance(test, Mapping) and ("$eq" in test or "$in" in test):
                ids = [test["$eq"]] if "$eq" in test else test["$in"]
                return [id_ for id_ in ids if isinstance(id_, ObjectId)]
        return None


class Attribute(NamedTuple):
    """An attribute of that value, or one that is a list which holds it."""

    name: str
    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class ConversationFilter:
    """What a reader looks for; None doesn't matter."""

    owner_id: PydanticObjectId | None = None
    tags_all: Sequence[str] | None = None
    tags_any: Sequence[str] | None = None
    started_after: datetime | None = None
    started_before: datetime | None = None
    archived: bool | None = None
    title_contains: str | None = None
    attributes: Sequence[Attribute] = ()

    @property
    def narrowed(self) -> bool:
        """Whether it names anything by which conversations differ, but for whether they are archived."""
        return bool(replace(self, archived=None).query)

    @property
    def title_key(self) -> str:
        """What is looked for in titles, case folded."""
        return (self.title_contains or "").casefold()

    @property
    def query(self) -> dict[str, Any]:
        """The same for MongoDB. No value becomes an operator or a pattern."""
        parts: list[dict[str, Any]] = []
        if self.owner_id is not None:
            parts.append({"owner_id": {"$eq": self.owner_id}})
        if self.tags_all is not None:
            parts += [{"tags": {"$eq": tag}} for tag in self.tags_all]
        if self.tags_any is not None:
            parts.append({"tags": {"$in": list(self.tags_any)}})
        if self.started_after is not None:
            parts.append({"started_at": {"$gt": self.started_after}})
        if self.started_before is not None:
            parts.append({"started_at": {"$lt": self.started_before}})
        if self.archived is not None:
            parts.append({"archived": {"$eq": self.archived}})
        parts += [{f"attributes.{each.name}": {"$eq": each.value}} for each in self.attributes]
        if self.title_key:
            found = {"$indexOfCP": [{"$ifNull": ["$title_key", ""]}, {"$literal": self.title_key}]}
            parts.append({"$expr": {"$gte": [found, 0]}})
        return {"$and": parts} if parts else {}


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page, in the list's order; `more` says whether there is more to read in the direction of reading.

    `reached` is set where a request ended before its page was full: how far it came, and where the next one goes on.
    """

    conversations: Sequence[Conversation]
    more: bool
    reached: Place | None = None


@dataclass(frozen=True, slots=True)
class ListRequest:
    """Up to `size` conversations after `after` and before `before`; the last of them when `backwards`."""

    order: ConversationOrder
    size: int
    after: Place | None = None
    before: Place | None = None
    backwards: bool = False
    deleted: bool = False
    """Whether deleted ones are listed instead of all others."""

    @property
    def direction(self) -> int:
        """The order of reading, as MongoDB's sort has it."""
        return -1 if self.order.descending != self.backwards else 1

    @property
    def start(self) -> Place | None:
        """Where reading starts, exclusively."""
        return self.before if self.backwards else self.after

    @property
    def end(self) -> Place | None:
        """Where it must end, exclusively."""
        return self.after if self.backwards else self.before

    @property
    def between(self) -> list[dict[str, Any]]:
        """The same for MongoDB."""
        parts: list[dict[str, Any]] = []
        for edge, operator in (
            (self.start, "$gt" if self.direction > 0 else "$lt"),
            (self.end, "$lt" if self.direction > 0 else "$gt"),
        ):
            if edge:
                same = {self.order.field: edge.time, "_id": {operator: edge.id}}
                parts.append({"$or": [{self.order.field: {operator: edge.time}}, same]})
        return parts


def place(conversation: Conversation, order: ConversationOrder) -> Place:
    """Where `conversation` stands in that order."""
    return Place(getattr(conversation, order.field), conversation.id)
