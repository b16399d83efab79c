"""Planting: a whole tree of messages stored at once, as an import needs it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from typing import Final

from beanie import PydanticObjectId
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, DuplicateKeyError

from models.bucket import MessageRole, MessageStatus, Metadata
from models.conversation import Conversation
from models.database import Record
from models.tree.address import MAIN, Address, keyed_branch, slot
from models.tree.buckets import Buckets
from models.tree.draft import Draft, TreeLimits, bson_size
from models.tree.lineage import Lineage, Segment
from models.tree.plantings import Planting

DUPLICATE_KEY: Final = 11000
BATCH_BYTES: Final = 4 * 1024 * 1024
"""Buckets sent in one call: the embedded server hangs on far larger ones."""


@dataclass(frozen=True, slots=True)
class Sprout:
    """A message to plant. `parent` is its parent's place in the sequence, which comes before it; None: a first message.

    Siblings come oldest first.
    """

    parent: int | None
    role: MessageRole
    content: str
    created_at: datetime
    author_id: PydanticObjectId | None = None
    status: MessageStatus = MessageStatus.COMPLETE
    metadata: Metadata | None = None
    deleted_at: datetime | None = None

    def draft(self) -> Draft:
        """The same, as a draft."""
        return Draft(
            role=self.role,
            content=self.content,
            author_id=self.author_id,
            created_at=self.created_at,
            # Nobody goes on writing a copy.
            status=MessageStatus.INTERRUPTED if self.status is MessageStatus.STREAMING else self.status,
            metadata=self.metadata,
            deleted_at=self.deleted_at,
        )


@dataclass(slots=True)
class _Run:
    """A branch while it grows."""

    lineage: Lineage
    parent: Address | None
    messages: list[Record]


async def plant(
    db: AsyncDatabase[Record],
    conversation: Conversation,
    sprouts: Sequence[Sprout],
    chosen: int | None,
    limits: TreeLimits,
) -> bool:
    """Store `conversation` with `sprouts`; the branch of `sprouts[chosen]` becomes its chosen one.

    False where that conversation is there already. Its document comes last and makes the rest visible. What a crash
    before that left behind, the next try completes; what is left of another text it sweeps away. So two that plant the
    same at once complete each other, and neither takes from the other. Raises `UnderWayError` while another text is
    planted as that conversation, or `ContentionError` where what was left of it is swept away at this moment: it may be
    tried again.
    """
    if await db.conversations.find_one({"_id": conversation.id}, {"_id": 1}):
        return False
    for sprout in sprouts:
        sprout.draft().check(limits)
    planting = _digest(sprouts, limits)
    note = Planting(db, conversation.id, planting)
    if not await note.begin():
        return False
    await _sweep(db, conversation.id, planting)
    runs, homes = _grown(conversation.id, sprouts)
    buckets = Buckets(db, conversation.id, conversation.slot_width, limits, conversation.owner_id)
    marked = ({**bucket, "planting": planting} for bucket in _bucketed(buckets, runs, limits))
    batches = [(db.buckets, marked), (db.branches, (_branch(conversation, run) for run in runs))]
    for collection, records in batches:
        for number, batch in enumerate(_batches(records, BATCH_BYTES)):
            if number and not await note.goes_on():
                return False
            await _insert_missing(collection, batch)
    counted = conversation.model_copy(
        update={
            "message_count": len(sprouts),
            "branch_count": len(runs),
            "root_forks": sum(run.parent is None for run in runs) - 1,
            "chosen_branch": conversation.chosen_branch if chosen is None else homes[chosen].branch,
        }
    )
    try:
        await counted.insert()
    except DuplicateKeyError:
        return False
    await note.end()
    return True


async def _sweep(db: AsyncDatabase[Record], conversation_id: PydanticObjectId, planting: bytes) -> None:
    """Take away what a planting of another text left unfinished."""
    left = await db.buckets.find_one({"conversation_id": conversation_id}, {"planting": 1})
    if left and left.get("planting") != planting:
        await db.branches.delete_many({"conversation_id": conversation_id})
        await db.buckets.delete_many({"conversation_id": conversation_id})  # last: they tell the next try what to do


def _digest(sprouts: Sequence[Sprout], limits: TreeLimits) -> bytes:
    """The same for the same text, cut into buckets in the same way."""
    hashed = sha256(repr(limits).encode())
    for sprout in sprouts:
        said = (sprout.parent, sprout.role.value, sprout.created_at, sprout.author_id, sprout.status, sprout.deleted_at)
        made = sprout.metadata and sprout.metadata.model_dump_json()
        hashed.update(repr((*said, made, len(sprout.content))).encode())
        hashed.update(sprout.content.encode())
    return hashed.digest()[:8]


async def _insert_missing(collection: AsyncCollection[Record], batch: Sequence[Record]) -> None:
    try:
        await collection.insert_many(batch, ordered=False)
    except BulkWriteError as error:
        if any(each["code"] != DUPLICATE_KEY for each in error.details["writeErrors"]):
            raise


def _grown(conversation_id: PydanticObjectId, sprouts: Sequence[Sprout]) -> tuple[list[_Run], list[Address]]:
    """The branches, and each sprout's address: a first child goes on with its parent's branch, the others fork."""
    trunk = _Run(Lineage(Segment(MAIN, 0, 0)), None, [])
    runs: dict[str, _Run] = {MAIN: trunk}
    children: dict[int | None, int] = {}
    homes: list[Address] = []
    for place, sprout in enumerate(sprouts):
        parent = None if sprout.parent is None else homes[sprout.parent]
        ordinal = children.get(sprout.parent, 0)
        children[sprout.parent] = ordinal + 1
        depth = parent.depth + 1 if parent else 0
        if ordinal == 0:
            run = runs[parent.branch] if parent else trunk
        else:
            own = Segment(keyed_branch(conversation_id, place), depth, ordinal)
            lineage = runs[parent.branch].lineage.child(own) if parent else Lineage(own)
            run = runs[own.branch] = _Run(lineage, parent, [])
            if parent:
                siblings = runs[parent.branch]
                siblings.messages[parent.depth - siblings.lineage.own.start]["forks"] = ordinal
        homes.append(Address(run.lineage.own.branch, depth))
        run.messages.append(sprout.draft().record(depth))
    return list(runs.values()), homes


def _bucketed(buckets: Buckets, runs: Sequence[_Run], limits: TreeLimits) -> Iterator[Record]:
    """The buckets of all branches, cut as appending would cut them."""
    for run in runs:
        pieces = list(_pieces(run, buckets.width, limits.bucket_bytes))
        for piece in pieces:
            yield buckets.record(run.lineage.own.branch, piece, run.lineage, tail=piece is pieces[-1])


def _pieces(run: _Run, width: int, limit: int) -> Iterator[list[Record]]:
    for _, messages in groupby(run.messages, key=lambda message: slot("", message["depth"], width)):
        piece: list[Record] = []
        size = 0
        for message in messages:
            if size >= limit:
                yield piece
                piece, size = [], 0
            piece.append(message)
            size += bson_size(message)
        yield piece


def _branch(conversation: Conversation, run: _Run) -> Record:
    own = run.lineage.own
    return {
        "conversation_id": conversation.id,
        "branch": own.branch,
        "parent_branch": run.parent.branch if run.parent else None,
        "fork_depth": own.start,
        "ordinal": own.ordinal,
        "created_at": run.messages[0]["created_at"] if run.messages else conversation.started_at,
    }


def _batches(records: Iterator[Record], limit: int) -> Iterator[list[Record]]:
    """`records` in lists of about `limit` bytes."""
    batch: list[Record] = []
    size = 0
    for record in records:
        batch.append(record)
        size += bson_size(record)
        if size >= limit:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
