"""A conversation of a million messages, built once and kept in `.parley/bench`."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from beanie import PydanticObjectId

from models.bucket import MessageRole, Metadata
from models.conversation import Conversation
from models.database import Database, Record
from models.tree import MAIN, Draft, MessageTree, TreeLimits
from models.tree.buckets import Buckets
from models.tree.lineage import Lineage, Segment

LENGTH: Final = 1_000_000
OWNER: Final = PydanticObjectId("0" * 23 + "1")
BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)
BUCKETS_A_CALL: Final = 100


async def long_conversation(database: Database) -> Conversation:
    """The one that is kept; without one, a new one, which takes a minute or two."""
    kept = await Conversation.find_one({"_id": PydanticObjectId("0" * 24)})
    return kept or await _built(database)


async def _built(database: Database) -> Conversation:
    """As `plant` stores it, bucket by bucket, for a million messages don't fit its sequence well."""
    conversation = chat()
    conversation.id = PydanticObjectId("0" * 24)
    await database.db.buckets.delete_many({"conversation_id": conversation.id})
    await database.db.branches.delete_many({"conversation_id": conversation.id})
    limits = TreeLimits()
    buckets = Buckets(database.db, conversation.id, conversation.slot_width, limits)
    batch: list[Record] = []
    for bucket in _bucketed(buckets, limits.bucket_messages):
        batch.append(bucket)
        if len(batch) == BUCKETS_A_CALL:
            await database.db.buckets.insert_many(batch)
            sys.stdout.write(f"\rbuilding the long conversation: {batch[-1]['first_depth']:,} messages ")
            sys.stdout.flush()
            batch = []
    conversation.message_count = LENGTH
    await MessageTree(database.db, limits).start(conversation)
    return conversation


def _bucketed(buckets: Buckets, width: int) -> Iterator[dict[str, Any]]:
    random = Random(1)
    lineage = Lineage(Segment(MAIN, 0, 0))
    for first in range(0, LENGTH, width):
        messages = [draft(depth, random.randint(50, 300)).record(depth) for depth in range(first, first + width)]
        yield buckets.record(MAIN, messages, lineage, tail=first + width >= LENGTH)


def chat() -> Conversation:
    """One that isn't stored yet."""
    width = TreeLimits().bucket_messages
    return Conversation(owner_id=OWNER, started_at=BEGAN, updated_at=BEGAN, slot_width=width)


def draft(number: int, size: int) -> Draft:
    """A question of a user, or an answer with what is known of its making."""
    made = Metadata(llm_model="some-model-2", tokens_in=900, tokens_out=size // 4, latency_ms=1_200)
    answer = number % 2 == 1
    return Draft(
        MessageRole.ASSISTANT if answer else MessageRole.USER,
        (f"{number} " + "lorem ipsum " * (size // 12 + 1))[:size],
        author_id=None if answer else OWNER,
        created_at=BEGAN + timedelta(seconds=30 * number),
        metadata=made if answer else None,
    )
