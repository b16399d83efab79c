"""Questions as clients put them, and decisions as they see them."""

from datetime import datetime
from typing import Self

import strawberry
from strawberry.scalars import JSON

from permissions.engine.decision import Decision as Decided
from resolvers.admin.enums import ConflictStrategy


@strawberry.input
class ResourceInput:
    """What is asked about. Of conversations, messages, users and sessions with an `id` the stored attributes count."""

    type: str
    id: strawberry.ID | None = strawberry.field(
        default=None, description="A global id for what is stored here; any name for types of other services."
    )
    attributes: JSON | None = strawberry.field(
        default=None, description="What conditions read as `resource.…`; a user's global id is understood as an id."
    )


@strawberry.input
class PermissionQuestion:
    """May this one do that? Without `userId` the caller asks about himself, under his own circumstances."""

    action: str = strawberry.field(description="`resource:verb`")
    resource: ResourceInput
    user_id: strawberry.ID | None = strawberry.field(default=None, description="Somebody else needs `permission:read`.")
    environment: JSON | None = strawberry.field(
        default=None,
        description="What conditions read as `env.…`: `ip`, `device`, `session_age` (seconds) and so on. `time` is the "
        "moment that is asked about; of the past, the roles and rules of then decide.",
    )
    strategy: ConflictStrategy | None = strawberry.field(
        default=None, description="Other than the one that holds for this type of resource."
    )


@strawberry.type(description="An answer of the permission engine.")
class Decision:
    """Yes or no, and by which rules."""

    id: strawberry.ID
    allowed: bool
    reason: str = strawberry.field(description="In a sentence, without the value of any attribute.")
    explicit: bool = strawberry.field(description="Whether a rule said so; no rule means denied.")
    decided_by: list[str] = strawberry.field(description="The rules that decided.")
    shadow: list[str] = strawberry.field(description="Shadow policies each of which would turn it round.")
    at: datetime = strawberry.field(description="The moment that was asked about.")
    revision: str = strawberry.field(description="That of the rules.")

    @classmethod
    def of(cls, decision: Decided) -> Self:
        """A decision, as the schema shows it."""
        return cls(
            id=strawberry.ID(decision.id),
            allowed=bool(decision),
            reason=decision.reason,
            explicit=decision.explicit,
            decided_by=list(decision.decided_by),
            shadow=list(decision.shadow),
            at=decision.at,
            revision=decision.revision,
        )
