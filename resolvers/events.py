"""What subscriptions tell: their interfaces, and the events that stand in the place of any other."""

import strawberry


@strawberry.interface(
    description="Something happened in a conversation. Subscribe `after` its cursor to go on from it."
)
class ConversationEvent:
    """Common to all."""

    cursor: str


@strawberry.interface(
    description="Something happened to the list of conversations that you may read. Subscribe `after` its cursor to go "
    "on from it."
)
class ConversationListEvent:
    """Common to all."""

    cursor: str


@strawberry.interface(
    description="Something happened to permissions, accounts or sessions. Subscribe `after` its cursor to go on from "
    "it."
)
class PermissionEvent:
    """Common to all."""

    cursor: str


@strawberry.type(
    description="You may not read any more what you subscribed to. It is the last event, and the operation is complete "
    "after it: a client doesn't subscribe again by itself, as a right that comes back is not taken up again."
)
class AccessRevoked(ConversationEvent, ConversationListEvent, PermissionEvent):
    """The last event."""

    reason: str
    decision_id: strawberry.ID | None = strawberry.field(
        description="The decision that refuses it, in the audit log. Null where nothing was decided: the conversation "
        "is gone, or you are not signed in any more, because your account was closed or your session is over."
    )


@strawberry.type(
    description="Events are missing here: read again what you subscribed to, the conversation or the list. What "
    "follows is exact."
)
class ResyncRequired(ConversationEvent, ConversationListEvent, PermissionEvent):
    """In place of silence."""

    reason: str
