"""Legal erasure: everything of one account goes."""

from datetime import datetime
from typing import Final, Self

import strawberry

from models.erasure import Erasure as StoredErasure
from permissions.actions import Action
from permissions.engine.facts import Resource
from permissions.erasure import Eraser
from permissions.guards import may
from permissions.resources import USER, user_resource
from resolvers.account.reach import readable_user
from resolvers.account.types import user_id
from resolvers.admin.changer import changer
from resolvers.context import Context, Info
from resolvers.errors import NotFoundError
from resolvers.ids import object_id

KEPT: Final = [
    "audit log: records of what was done, in which the account is an id that leads to nobody; "
    "they are chained, and prove nothing once some are taken out",
    "history of permissions: numbered changes of its roles and attributes, under the same id; "
    "past decisions could not be explained without them",
    "places of messages in other people's conversations: tombstones without text and author",
]


@strawberry.input
class EraseUserInput:
    """Whom, and why."""

    user_id: strawberry.ID
    reason: str | None = None


@strawberry.type(description="What the erasure of an account came to.")
class ErasureReport:
    """Numbers only."""

    user_id: strawberry.ID
    requested_at: datetime
    done_at: datetime | None = strawberry.field(
        description="Null until writes that were under way must have ended, and the last trace is gone: half a minute, "
        "or longer where there is much."
    )
    conversations: int = strawberry.field(description="The account's own; they are out of sight at once.")
    messages: int = strawberry.field(description="In other people's conversations; they are tombstones at once.")
    sessions: int = strawberry.field(description="That ended.")
    role_assignments: int = strawberry.field(description="That ended.")
    kept: list[str] = strawberry.field(description="What stays, and why.")

    @classmethod
    def of(cls, stored: StoredErasure) -> Self:
        """A stored erasure, as the schema shows it."""
        return cls(
            user_id=user_id(stored.id),
            requested_at=stored.requested_at,
            done_at=stored.done_at,
            conversations=stored.conversations or 0,
            messages=stored.messages,
            sessions=stored.sessions or 0,
            role_assignments=stored.assignments or 0,
            kept=KEPT,
        )


@strawberry.type
class ErasureReportPayload:
    """How far it is."""

    report: ErasureReport


@strawberry.type
class Query:
    """Of erasures."""

    @strawberry.field(
        permission_classes=[may(Action.USER_ERASE)],
        description="How far the erasure of an account is; null where nobody asked for it.",
    )
    async def erasure(self, info: Info, user_id: strawberry.ID) -> ErasureReport | None:
        info.context.access.require(Action.USER_ERASE, Resource(USER))
        found = await StoredErasure.find_one({"_id": object_id(user_id, "User", "userId")})
        return ErasureReport.of(found) if found else None


@strawberry.type
class Mutation:
    """Of erasures."""

    @strawberry.mutation(
        permission_classes=[may(Action.USER_ERASE)],
        description="Forget somebody for good: account, conversations, messages. Nothing of it can be restored.",
    )
    async def erase_user(self, info: Info, input: EraseUserInput) -> ErasureReportPayload:
        context = info.context
        user = await readable_user(context, object_id(input.user_id, "User", "userId"))
        if user is None:
            raise NotFoundError("User")
        context.access.require(Action.USER_ERASE, user_resource(user))
        erasure = await _eraser(context).erase(user.id, changer(info), input.reason)
        return ErasureReportPayload(report=ErasureReport.of(erasure))


def _eraser(context: Context) -> Eraser:
    return Eraser(context.db.db, context.tree, context.administration)
