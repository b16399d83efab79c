"""A tree with small buckets, so that a few messages fill many, and a conversation in it."""

import pytest
from beanie import PydanticObjectId

from models.clock import now
from models.conversation import Conversation
from models.database import Database
from models.tree import MessageTree, TreeLimits

SMALL = TreeLimits(bucket_messages=4, bucket_bytes=2_000, message_bytes=5_000, metadata_bytes=500)


@pytest.fixture
def tree(database: Database) -> MessageTree:
    return MessageTree(database.db, SMALL)


@pytest.fixture
async def conversation(tree: MessageTree) -> Conversation:
    return await started(tree)


async def started(tree: MessageTree, width: int = SMALL.bucket_messages) -> Conversation:
    """A new, empty conversation."""
    conversation = unborn(width)
    await tree.start(conversation)
    return conversation


def unborn(width: int = SMALL.bucket_messages) -> Conversation:
    """One that isn't stored yet."""
    begun = now()
    return Conversation(owner_id=PydanticObjectId(), started_at=begun, updated_at=begun, slot_width=width)
