"""A message before it has an address, and what is checked before it gets one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import bson
from beanie import PydanticObjectId

from models.attachment import Attachment
from models.bucket import MessageRole, MessageStatus, Metadata
from models.clock import now, stored
from models.free_form import FreeFormError, check_free_form
from models.tree.errors import InvalidContentError, TooLargeError

KEY_LENGTH = 200
"""Longest idempotency key, in characters."""


@dataclass(frozen=True, slots=True)
class TreeLimits:
    """Bytes and numbers that bound buckets and messages; see `api.settings`."""

    bucket_messages: int = 50
    bucket_bytes: int = 256 * 1024
    message_bytes: int = 1024 * 1024
    metadata_bytes: int = 16 * 1024
    kept_bytes: int = 8 * 1024 * 1024
    """What a worker read, as `models.tree.cuts` weighs it, to be decoded once where it comes again."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants to say."""

    role: MessageRole
    content: str
    author_id: PydanticObjectId | None = None
    created_at: datetime | None = None
    status: MessageStatus = MessageStatus.COMPLETE
    metadata: Metadata | None = None
    edited_from: str | None = None
    idempotency_key: str | None = None
    deleted_at: datetime | None = None
    attachments: tuple[Attachment, ...] = ()

    def check(self, limits: TreeLimits) -> None:
        """Raise `InvalidContentError` or `TooLargeError` for what can't be stored."""
        _within("content", _utf8("content", self.content), limits.message_bytes)
        if self.metadata is not None:
            _check_metadata(self.metadata)
            _within("metadata", self.metadata.model_dump_json().encode(), limits.metadata_bytes)
        if self.idempotency_key is not None and not 0 < len(self.idempotency_key) <= KEY_LENGTH:
            raise InvalidContentError("idempotencyKey", f"must have 1 to {KEY_LENGTH} characters")
        _utf8("idempotencyKey", self.idempotency_key or "")

    def record(self, depth: int) -> dict[str, Any]:
        """The message as it lies in its bucket; what says nothing is left out."""
        metadata = self.metadata and self.metadata.model_dump(exclude_none=True, exclude_defaults=True)
        fields = {
            "depth": depth,
            "role": self.role.value,
            "content": None if self.deleted_at else self.content,
            "created_at": stored(self.created_at) if self.created_at else now(),
            "author_id": self.author_id,
            "status": None if self.status is MessageStatus.COMPLETE else self.status.value,
            "metadata": metadata or None,
            "attachments": [each.record() for each in self.attachments] or None,
            "edited_from": self.edited_from,
            "deleted_at": self.deleted_at,
            "idempotency_key": self.idempotency_key,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def says(self, record: Mapping[str, Any]) -> bool:
        """Whether `record` has the same words and the same files; one that is to grow says nothing yet."""
        if self.status is MessageStatus.STREAMING:
            return record.get("role") == self.role.value
        files = [each["id"] for each in record.get("attachments", ())]
        return record.get("content") == self.content and files == [each.id for each in self.attachments]

    def is_retried_by(self, record: Mapping[str, Any]) -> bool:
        """Whether `record` is what an earlier try of this draft stored."""
        key = self.idempotency_key
        return key is not None and (key, self.author_id) == (
            record.get("idempotency_key"),
            record.get("author_id"),
        )


def bson_size(record: Mapping[str, Any]) -> int:
    """Bytes that `record` takes in a document."""
    return len(bson.encode(record))


def _utf8(field: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidContentError(field, "holds half a surrogate pair") from None


def _check_metadata(metadata: Metadata) -> None:
    try:
        check_free_form(metadata.model_dump())
    except FreeFormError as error:
        raise InvalidContentError("metadata", str(error)) from None


def _within(field: str, value: bytes, limit: int) -> None:
    if len(value) > limit:
        raise TooLargeError(field, f"has {len(value):,} bytes, {limit:,} are allowed", len(value), limit)
