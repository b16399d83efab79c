"""Roles and who holds them, as stored; `permissions.store` turns them into what the engine decides on."""

from datetime import datetime
from enum import StrEnum

from beanie import Document, PydanticObjectId
from pydantic import BaseModel, Field


class GrantEffect(StrEnum):
    """What a matching grant or policy says."""

    ALLOW = "allow"
    DENY = "deny"


class Grant(BaseModel):
    """`action` is `resource:verb`, or `resource:*`; `condition` is CEL text, read by `permissions.engine.cel`."""

    effect: GrantEffect = GrantEffect.ALLOW
    action: str
    condition: str | None = None


class Role(Document):
    """Grants, and the roles whose grants it also has. The name is the id."""

    id: str  # type: ignore[assignment]  # Beanie's ids may be of any type
    inherits: list[str] = []
    grants: list[Grant] = []
    priority: int | None = None
    description: str | None = None

    class Settings:
        name = "roles"


class RoleAssignment(Document):
    """A user's role, from when until when, and in which weekly hours. An ended one keeps its end."""

    id: PydanticObjectId = Field(default_factory=PydanticObjectId)
    user_id: PydanticObjectId
    role: str
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    window: str | None = None
    granted_by: PydanticObjectId | None = None
    granted_at: datetime
    reason: str | None = None
    ended_at: datetime | None = None

    class Settings:
        name = "role_assignments"
