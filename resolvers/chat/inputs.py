"""What clients send, and what is checked before anything is done with it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson
import strawberry
from pydantic import ValidationError
from strawberry.scalars import JSON

from models.bucket import MessageRole, Metadata
from models.conversation import title_key
from models.conversation_list import Attribute
from models.conversation_list import ConversationFilter as StoredFilter
from models.free_form import FreeFormError, check_free_form
from resolvers.errors import BadInputError
from resolvers.ids import object_id
from resolvers.moments import moment

TITLE_LENGTH: Final = 300
TAG_LENGTH: Final = 64
TAGS: Final = 32
ATTRIBUTES_BYTES: Final = 16 * 1024
ATTRIBUTES: Final = 200
"""Values of a conversation, those in lists counted singly: lists find it by each."""
ATTRIBUTES_WANTED: Final = 8
VALUE_LENGTH: Final = 300


@strawberry.input
class StartConversationInput:
    """A new conversation; `attributes` are what policies look at."""

    title: str | None = None
    tags: list[str] | None = None
    attributes: JSON | None = None
    answers: bool | None = strawberry.field(
        default=False, description="Have the assistant answer every message whose writer may ask for that."
    )


@strawberry.input
class UpdateConversationInput:
    """What is left out stays as it is."""

    conversation_id: strawberry.ID
    title: str | None = strawberry.UNSET
    tags: list[str] | None = strawberry.UNSET
    attributes: JSON | None = strawberry.UNSET
    archived: bool | None = strawberry.UNSET
    answers: bool | None = strawberry.UNSET

    def changes(self) -> dict[str, Any]:
        """The stored fields that change."""
        fields: dict[str, Any] = {}
        if self.title is not strawberry.UNSET:
            fields |= titled(self.title)
        if self.tags is not strawberry.UNSET:
            fields["tags"] = tags(self.tags)
        if self.attributes is not strawberry.UNSET:
            fields["attributes"] = attributes(self.attributes)
        if self.archived is not strawberry.UNSET and self.archived is not None:
            fields["archived"] = self.archived
        if self.answers is not strawberry.UNSET and self.answers is not None:
            fields["answers"] = self.answers
        return fields


@strawberry.input
class AppendMessageInput:
    """A message after `parentId`, or after the last one of the branch on which you left off.

    Sent again with the same `idempotencyKey`, it gives the message that the first try made.
    """

    conversation_id: strawberry.ID
    parent_id: strawberry.ID | None = None
    role: MessageRole | None = MessageRole.USER
    content: str
    idempotency_key: str | None = None
    metadata: JSON | None = None
    attachment_ids: list[strawberry.ID] | None = None


@strawberry.input
class EditMessageInput:
    """A new version of `messageId`, beside it."""

    message_id: strawberry.ID
    content: str
    idempotency_key: str | None = None
    attachment_ids: list[strawberry.ID] | None = None


@strawberry.input
class ChooseBranchInput:
    """Which."""

    branch_id: strawberry.ID


@strawberry.input(description="A conversation's attribute, and the text, number or boolean that it is, or holds.")
class AttributeFilter:
    """`1` is `1.0`, and neither `"1"` nor `true`."""

    name: str
    equals: JSON

    def stored(self) -> Attribute:
        """The same, checked."""
        value: Any = self.equals
        if not isinstance(value, str | int | float | bool) or len(str(value)) > VALUE_LENGTH:
            raise BadInputError(
                "attributes", f"must each equal a text of at most {VALUE_LENGTH} characters, a number or a boolean"
            )
        _check("attributes", {self.name: value})
        return Attribute(self.name, value)


@strawberry.input(description="What is left out doesn't matter; all the rest must hold.")
class ConversationFilter:
    """See `models.conversation_list.ConversationFilter`."""

    owner_id: strawberry.ID | None = None
    tags_all: list[str] | None = None
    tags_any: list[str] | None = None
    started_after: datetime | None = None
    started_before: datetime | None = None
    archived: bool | None = None
    title_contains: str | None = strawberry.field(
        default=None, description="In any case; quickest from three characters on."
    )
    attributes: list[AttributeFilter] | None = None

    def stored(self) -> StoredFilter:
        """The same, checked."""
        if len(self.attributes or ()) > ATTRIBUTES_WANTED:
            raise BadInputError("attributes", f"must be at most {ATTRIBUTES_WANTED}")
        return StoredFilter(
            owner_id=object_id(self.owner_id, "User", "ownerId") if self.owner_id else None,
            tags_all=None if self.tags_all is None else tags(self.tags_all, "tagsAll"),
            tags_any=None if self.tags_any is None else tags(self.tags_any, "tagsAny"),
            started_after=moment(self.started_after, "startedAfter"),
            started_before=moment(self.started_before, "startedBefore"),
            archived=self.archived,
            title_contains=line(self.title_contains, "titleContains"),
            attributes=[each.stored() for each in self.attributes or ()],
        )


def titled(title: str | None) -> dict[str, Any]:
    """A title's stored fields."""
    title = line(title, "title")
    return {"title": title, "title_key": title_key(title)}


def line(text: str | None, field: str) -> str | None:
    """A short text, checked."""
    if text is not None:
        _check(field, text)
        if len(text) > TITLE_LENGTH:
            raise BadInputError(field, f"must not exceed {TITLE_LENGTH} characters")
    return text


def tags(given: Sequence[str] | None, field: str = "tags") -> list[str]:
    """Tags, checked, each once."""
    found = list(dict.fromkeys(tag.strip() for tag in given or ()))
    _check(field, found)
    if len(found) > TAGS or not all(0 < len(tag) <= TAG_LENGTH for tag in found):
        raise BadInputError(field, f"must be at most {TAGS} tags of 1 to {TAG_LENGTH} characters")
    return found


def attributes(given: JSON | None) -> dict[str, Any]:
    """Free-form attributes, checked."""
    value: Any = {} if given is None else given
    if not isinstance(value, dict):
        raise BadInputError("attributes", "must be an object")
    _check("attributes", value)
    if len(orjson.dumps(value)) > ATTRIBUTES_BYTES:
        raise BadInputError("attributes", f"must not exceed {ATTRIBUTES_BYTES:,} bytes of JSON")
    if sum(len(each) if isinstance(each, list) else 1 for each in value.values()) > ATTRIBUTES:
        raise BadInputError("attributes", f"must not hold more than {ATTRIBUTES} values")
    return value


_NAMES: Final[Mapping[str, str]] = {
    "llmModel": "llm_model",
    "tokensUsed": "tokens_used",
    "tokensIn": "tokens_in",
    "tokensOut": "tokens_out",
    "latencyMs": "latency_ms",
    "finishReason": "finish_reason",
}


def metadata(given: JSON | None) -> Metadata | None:
    """A message's metadata: known names (`llmModel` or `llm_model`, …) in their fields, the others in `extra`."""
    if given is None:
        return None
    value: Any = given
    if not isinstance(value, dict):
        raise BadInputError("metadata", "must be an object")
    _check("metadata", value)
    named = {_NAMES.get(key, key): item for key, item in value.items()}
    extra = named.pop("extra", None) or {}
    if not isinstance(extra, dict):
        raise BadInputError("metadata", "must have an object as `extra`")
    known = {key: named.pop(key) for key in list(named) if key in _NAMES.values()}
    try:
        return Metadata.model_validate({**known, "extra": {**named, **extra}}, strict=True)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        raise BadInputError("metadata", f"has a wrong `{wrong['loc'][0]}`: {wrong['msg']}") from None


def _check(field: str, value: Any) -> None:
    try:
        check_free_form(value)
    except FreeFormError as error:
        raise BadInputError(field, str(error)) from None
