"""What there is to ask for, and who asks."""

from dataclasses import dataclass
from typing import Any, Final

from beanie import PydanticObjectId

from models.bucket import MessageRole
from models.conversation import Conversation
from models.tree import Draft, History, MessageTree, TreeLimits
from resolvers.ids import encode
from tests.served import Caller, Served

SMALL: Final = TreeLimits(bucket_messages=4)


@dataclass
class World:
    """Who asks, and what there is to ask for."""

    served: Served
    alice: Caller
    admin: Caller
    sara: Caller
    chat: str
    messages: list[dict[str, Any]]
    stored: Conversation

    async def ask(self, caller: Caller, document: str, **variables: Any) -> Any:
        """What comes back, without errors."""
        return (await caller.ask(document, **variables)).data

    @property
    def alice_id(self) -> str:
        assert self.alice.user
        return encode("User", self.alice.user.id)

    @property
    def tree(self) -> MessageTree:
        return MessageTree(self.served.services.database.db, SMALL)

    @property
    def history(self) -> History:
        return self.tree.history(self.stored)

    @property
    def tip(self) -> str:
        return self.stored.chosen_branch


SAYS: Final = Draft(MessageRole.USER, "text", author_id=PydanticObjectId())
