"""The history of permissions: each change of a rule or of who holds it, numbered without gaps."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from beanie import Document, PydanticObjectId


class ChangeKind(StrEnum):
    """What was changed."""

    ROLE = "role"
    POLICY = "policy"
    RESOURCE_TYPE = "resource_type"
    ASSIGNMENT = "assignment"
    USER = "user"


class PermissionChange(Document):
    """`before` and `after` are the whole record, None where there was or is none; of a user, what conditions see.

    INVARIANT: the id is the revision, the one before it plus one; `at` never goes back. So the record that is in the
    collection of its kind is the `after` of the newest change of its key.
    """

    id: int  # type: ignore[assignment]  # Beanie's ids may be of any type
    at: datetime
    by: PydanticObjectId | None = None
    kind: ChangeKind
    key: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    reason: str | None = None

    class Settings:
        name = "permission_changes"
