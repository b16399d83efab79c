"""Who does things: the parts of a server's worker that change what is stored. It may die at one of its writes."""

from typing import Any, cast

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.attachments.watcher import AttachmentWatcher
from models.conversation import Conversation
from models.database import Record
from models.search.removals import IndexWatcher
from models.tree import MessageTree, TreeLimits
from models.tree.watch import Watchers
from tests.models.tree.faults import Mortal


class Worker:
    """`dies_at`: after which of its writes; 0: it lives."""

    def __init__(self, db: AsyncDatabase[Record], limits: TreeLimits, dies_at: int = 0) -> None:
        self.db: AsyncDatabase[Record] = cast(Any, Mortal(db, dies_at)) if dies_at else db
        self.limits = limits
        self.tree = MessageTree(self.db, limits, Watchers(IndexWatcher(self.db), AttachmentWatcher(self.db)))


async def read(db: AsyncDatabase[Record], id_: PydanticObjectId) -> Conversation:
    """A conversation as it is now."""
    found: Conversation = Conversation.model_validate(await db.conversations.find_one({"_id": id_}))
    return found
