"""Stores of any size, built once and kept in `.parley/bench`: n conversations, one of which has n messages itself."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from beanie import PydanticObjectId
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from models.bucket import MessageRole, Metadata
from models.conversation import Conversation, title_key
from models.database import TIMEOUT_MS, Database, Record
from models.migrations import migrate
from models.tree import MAIN, Address, Draft, MessageTree, TreeLimits
from models.tree.buckets import Buckets
from models.tree.lineage import Lineage, Segment
from tests.benchmarks.progress import Progress

SMALLEST: Final = 100
ASKER: Final = PydanticObjectId("a" * 24)
OWN: Final = 50
"""Conversations of the one who asks, whatever the size; the others own `SMALLEST` each."""
FORKS: Final = 2
"""Branches that leave the long conversation in its middle, each as long as `FORK_LENGTH`."""
FORK_LENGTH: Final = 30
BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)
CALL: Final = 1_000
"""Documents to a call; an interrupted building goes on after the last call that was noted."""
TEXT: Final = "what a person says in a chat, and what is said to him. " * 4


def connected(uri: str, name: str) -> Database:
    """A database beside the one that Beanie knows, for that is one a process."""
    client: AsyncMongoClient[Record] = AsyncMongoClient(
        uri, timeoutMS=TIMEOUT_MS, serverMonitoringMode="poll", tz_aware=True, appname="bench"
    )
    return Database(client, name)


class World:
    """One of `size`, in a database of its own."""

    def __init__(self, database: Database, size: int) -> None:
        self.size = size
        self.database = database
        self.db: AsyncDatabase[Record] = database.db
        self.tree = MessageTree(self.db, TreeLimits())

    @property
    def long_id(self) -> PydanticObjectId:
        """The conversation with `size` messages."""
        return conversation_id(0)

    @property
    def middle(self) -> Address:
        """Where its forks leave."""
        return Address(MAIN, self.size // 2)

    async def long(self) -> Conversation:
        """The conversation with `size` messages, as a request loads it."""
        found: Conversation = Conversation.model_validate(await self.db.conversations.find_one({"_id": self.long_id}))
        return found

    async def build(self, progress: Progress) -> None:
        """Have it stored. The smallest is made anew each time: what runs append would change it."""
        if self.size <= SMALLEST:
            await self.database.client.drop_database(self.db.name)
        await migrate(self.db)
        await self._insert("conversations", self._conversations(), self.size, progress)
        await self._insert("branches", (_branch(conversation_id(n)) for n in range(self.size)), self.size, progress)
        await self._insert("buckets", self._small_buckets(), self.size - 1, progress)
        width = TreeLimits().bucket_messages
        await self._insert(
            "buckets of the long conversation", self._long_buckets(), self.size // width, progress, "buckets"
        )
        await self._fork()

    async def _insert(
        self, step: str, documents: Iterator[Record], total: int, progress: Progress, collection: str | None = None
    ) -> None:
        """Insert what an earlier try did not. Ids are given, so that a call that was not noted is seen."""
        noted = await self.db.bench_progress.find_one({"_id": step})
        done = noted["done"] if noted else 0
        progress(f"{self.size:,}: {step}", done, total)
        batch: list[Record] = []
        there = self.db[collection or step]
        for number, document in enumerate(documents):
            if number < done:
                continue
            batch.append(document)
            if len(batch) == CALL or number + 1 == total:
                if number < done + CALL:  # the only ones that can be there without being noted
                    await there.delete_many({"_id": {"$in": [each["_id"] for each in batch]}})
                await there.insert_many(batch, ordered=False)
                await self.db.bench_progress.replace_one({"_id": step}, {"done": number + 1}, upsert=True)
                progress(f"{self.size:,}: {step}", number + 1, total)
                batch = []

    def _conversations(self) -> Iterator[Record]:
        like = _template()
        for number in range(self.size):
            began = BEGAN + timedelta(minutes=number % 400_000)
            title = f"conversation {number}"
            yield like | {
                "_id": conversation_id(number),
                "owner_id": self._owner(number),
                "title": title,
                "title_key": title_key(title),
                "tags": [f"tag {number % 50}"],
                "attributes": {"region": "EMEA" if number % 100 == 0 else "AMER"},
                "started_at": began,
                "updated_at": began,
                "message_count": self.size if number == 0 else 2,
            }

    def _small_buckets(self) -> Iterator[Record]:
        """Two messages for each conversation but the long one."""
        for number in range(1, self.size):
            began = BEGAN + timedelta(minutes=number % 400_000)
            messages = [_draft(depth, self._owner(number), began).record(depth) for depth in range(2)]
            yield self._bucket(conversation_id(number), messages, tail=True) | {"_id": _id(0xB, number)}

    def _long_buckets(self) -> Iterator[Record]:
        width = TreeLimits().bucket_messages
        for first in range(0, self.size, width):
            messages = [_draft(depth, ASKER, BEGAN).record(depth) for depth in range(first, first + width)]
            bucket = self._bucket(self.long_id, messages, tail=first + width >= self.size)
            yield bucket | {"_id": _id(0xC, first)}

    def _bucket(self, id_: PydanticObjectId, messages: list[Record], *, tail: bool) -> Record:
        """Indexed for search, so that no test of that finds them: these are measured with other data."""
        buckets = Buckets(self.db, id_, TreeLimits().bucket_messages, TreeLimits())
        bucket = buckets.record(MAIN, messages, Lineage(Segment(MAIN, 0, 0)), tail=tail)
        del bucket["unindexed"]
        return bucket | {"indexed_to": messages[-1]["depth"] + 1}

    async def _fork(self) -> None:
        """By appends; their keys make a second building find them."""
        conversation = await self.long()
        for fork in range(FORKS):
            place = self.middle
            for number in range(FORK_LENGTH):
                draft = _draft(number, ASKER, BEGAN, key=f"fork {fork}, {number}")
                place = (await self.tree.append(conversation, place, draft)).address

    def _owner(self, number: int) -> PydanticObjectId:
        if number % (self.size // OWN) == 0:
            return ASKER
        return _id(0xD, number // SMALLEST)


def conversation_id(number: int) -> PydanticObjectId:
    """The ids of conversations, in the order of their building."""
    return _id(0xA, number)


def message(number: int) -> Draft:
    """What a run appends."""
    return _draft(number, ASKER, datetime.now(UTC))


def _id(kind: int, number: int) -> PydanticObjectId:
    return PydanticObjectId(f"{kind:08x}{number:016x}")


def _template() -> dict[str, Any]:
    """A conversation as it is stored, whatever its fields are by now."""
    made = Conversation.model_construct(
        owner_id=ASKER, started_at=BEGAN, updated_at=BEGAN, slot_width=TreeLimits().bucket_messages
    )
    stored: dict[str, Any] = made.model_dump(exclude={"id", "revision_id"})
    return stored


def _branch(id_: PydanticObjectId) -> Record:
    return {
        "_id": id_,
        "conversation_id": id_,
        "branch": MAIN,
        "parent_branch": None,
        "fork_depth": 0,
        "ordinal": 0,
        "created_at": BEGAN,
    }


def _draft(depth: int, owner: PydanticObjectId, began: datetime, key: str | None = None) -> Draft:
    """A question, or an answer with what is known of its making."""
    made = Metadata(
        llm_model=f"model-{depth // 2 % 3}", tokens_in=900, tokens_out=50 + depth % 100, latency_ms=900 + depth % 600
    )
    answer = depth % 2 == 1
    return Draft(
        MessageRole.ASSISTANT if answer else MessageRole.USER,
        TEXT[: 50 + depth * 37 % 150],
        author_id=None if answer else owner,
        created_at=began + timedelta(seconds=depth),
        metadata=made if answer else None,
        idempotency_key=key,
    )
