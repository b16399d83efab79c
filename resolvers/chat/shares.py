"""Shares, as the schema shows them to those who may give them."""

from datetime import datetime
from typing import Self

import strawberry

from models.conversation import Conversation as StoredConversation
from models.share import Share as StoredShare
from models.share import ShareAccess
from permissions.actions import Action
from permissions.resources import user_resource
from resolvers.account.types import User
from resolvers.chat.tree import Branch, load_branches
from resolvers.context import Info
from resolvers.ids import encode

strawberry.enum(
    ShareAccess,
    name="SharedAccess",
    description="READ: its messages, and what is known of them. WRITE: to answer and to edit, too.",
)


@strawberry.type(description="Somebody else may use the conversation, until it ends.")
class ConversationShare:
    """A share that holds."""

    conversation: strawberry.Private[StoredConversation]
    stored: strawberry.Private[StoredShare]

    user_id: strawberry.ID | None = strawberry.field(description="With whom it is shared; null where with a role.")
    role: str | None = strawberry.field(description="Whoever holds it, also by another role that inherits from it.")
    access: ShareAccess
    until: datetime | None = strawberry.field(description="From then on it doesn't count; null for never.")
    shared_at: datetime

    @classmethod
    def of(cls, conversation: StoredConversation, stored: StoredShare) -> Self:
        """A stored share, as the schema shows it."""
        return cls(
            conversation=conversation,
            stored=stored,
            user_id=strawberry.ID(encode("User", stored.user_id)) if stored.user_id else None,
            role=stored.role,
            access=stored.access,
            until=stored.ends,
            shared_at=stored.at,
        )

    @strawberry.field(description="Null, too, where you may not see whose account it is, or whether it is one.")
    async def user(self, info: Info) -> User | None:
        found = await info.context.loaders.users.load(self.stored.user_id) if self.stored.user_id else None
        if found is None or not info.context.access.consider(Action.USER_READ, user_resource(found)):
            return None
        return User.of(found)

    @strawberry.field(description="Only its path is shared; null for the whole conversation.")
    async def branch(self, info: Info) -> Branch | None:
        if self.stored.branch is None:
            return None
        (branch,) = await load_branches(info, self.conversation, [self.stored.branch])
        return branch
