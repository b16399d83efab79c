"""Replays and promotions, as fields of the schema."""

from datetime import datetime
from typing import Annotated

import strawberry

from models.policy import PolicyMode
from permissions.actions import Action
from permissions.changes import Changer
from permissions.guards import may
from resolvers.admin.changes import ChangeInput, steps_of
from resolvers.admin.replays import (
    LoggedRange,
    PolicyPromotion,
    PromotePolicyInput,
    Replay,
    Window,
    promotable,
    promotion,
    replay,
    shown,
)
from resolvers.admin.rules import Policy, PolicyPayload
from resolvers.context import Info
from resolvers.errors import NotFoundError
from resolvers.ids import permissions_token


@strawberry.type
class Query:
    """What would have been."""

    @strawberry.field(
        permission_classes=[may(Action.PERMISSION_READ), may(Action.AUDIT_READ)],
        description="As `simulate`, over decisions of the log: which of them a change would have turned round, for the "
        "roles and attributes of then.",
    )
    async def replay(self, info: Info, change: ChangeInput, over_log: LoggedRange | None = None) -> Replay:
        types = (await info.context.permissions.ground()).state.known_types
        steps = steps_of(change, info.context.access.snapshot, types)
        return shown(*await replay(info.context, steps, Window.of(over_log)))

    @strawberry.field(
        permission_classes=[may(Action.POLICY_READ), may(Action.PERMISSION_READ), may(Action.AUDIT_READ)],
        description="What a shadow policy would have turned round in the last week, or since `from`, had it been "
        "enforced; and the digest with which to promote it.",
    )
    async def policy_promotion(
        self,
        info: Info,
        name: str,
        from_: Annotated[datetime | None, strawberry.argument(name="from")] = None,
    ) -> PolicyPromotion:
        return await promotion(info.context, name, from_)


@strawberry.type
class Mutation:
    """From shadow to force."""

    @strawberry.mutation(
        permission_classes=[may(Action.POLICY_WRITE), may(Action.PERMISSION_READ), may(Action.AUDIT_READ)],
        description="Enforce a shadow policy, having seen what that would change: `policyPromotion` tells the digest. "
        "CONFLICT if the policy, or anything about that list, has changed since.",
    )
    async def promote_policy(self, info: Info, input: PromotePolicyInput) -> PolicyPayload:
        context = info.context
        seen = await promotable(context, input)
        if context.principal is None:
            raise NotFoundError("User")
        by = Changer(context.principal.user_id, context.origin)
        revision = await context.changes.promote_policy(seen, by, input.reason)
        promoted = seen.model_copy(update={"mode": PolicyMode.ENFORCE})
        return PolicyPayload(policy=Policy.of(promoted), permissions_token=permissions_token(revision))
