"""Stores of any size, built once and kept in `.parley/bench`: n conversations, one of which has n messages.

Of the others one in ten has two messages, a title and a tag; building a million with more would take an hour.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from beanie import PydanticObjectId
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError

from models.bucket import MessageRole, Metadata
from models.conversation import Conversation, title_key
from models.database import Database, Record
from models.list_terms import stored_terms
from models.migrations import migrate
from models.tree import MAIN, Address, Draft, MessageTree, TreeLimits
from models.tree.buckets import Buckets
from models.tree.lineage import Lineage, Segment
from models.usage.repair import adopt, name_owners
from models.usage.rollup import Rollup
from tests.benchmarks.progress import Progress

SMALLEST: Final = 100
ASKER: Final = PydanticObjectId("a" * 24)
OWN: Final = 50
"""Conversations of the one who asks, whatever the size; the others own `SMALLEST` each."""
FORKS: Final = 2
"""Branches that leave the long conversation in its middle, each as long as `FORK_LENGTH`."""
FORK_LENGTH: Final = 30
BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)
CALL: Final = 100
"""Documents to a call: the embedded server hangs on far more, each with some 50 entries of indexes. What an interrupted
building has noted it does not do again."""
AT_ONCE: Final = 6
"""Calls under way."""
PATIENCE_MS: Final = 120_000
"""Longest a call may take: a checkpoint holds up what is built beside other work."""
LONG: Final = "buckets of the long conversation"
SOME: Final = 10
"""One in so many conversations has messages, a title and a tag: each term of a list is in four indexes."""
DUPLICATE: Final = 11000
TEXT: Final = "what a person says in a chat, and what is said to him. " * 4


def connected(uri: str, name: str) -> Database:
    """A database beside the one that Beanie knows, for that is one a process."""
    client: AsyncMongoClient[Record] = AsyncMongoClient(
        uri, timeoutMS=PATIENCE_MS, serverMonitoringMode="poll", tz_aware=True, appname="bench"
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
        width = TreeLimits().bucket_messages
        await asyncio.gather(
            self._insert("conversations", self._conversation, self.size, progress),
            self._insert("branches", _branch, self.size, progress),
            self._insert("buckets", self._small_bucket, self.size // self._apart - 1, progress),
            self._insert(LONG, self._long_bucket, self.size // width, progress, "buckets"),
        )
        await self._fork()
        await self._count(progress)

    async def _count(self, progress: Progress) -> None:
        """Roll up the usage of what the asker owns, as the worker does that; the others' would take as long again.

        What was built before buckets and tallies said whose they are is told so, as an upgrade does.
        """
        await name_owners(self.db)
        await adopt(self.db)
        own = [conversation_id(number) for number in range(0, self.size, self.size // OWN)]
        marked = {"uncounted": True, "conversation_id": {"$in": own}}
        ids = [each["_id"] async for each in self.db.buckets.find(marked, {"_id": 1}, batch_size=10_000)]
        rollup = Rollup(self.db)
        for done in range(0, len(ids), CALL):
            progress(f"{self.size:,}: buckets counted for usage", done, len(ids))
            await rollup.take(ids[done : done + CALL])
        progress(f"{self.size:,}: buckets counted for usage", len(ids), len(ids))

    async def _insert(
        self, step: str, made: Callable[[int], Record], total: int, progress: Progress, collection: str | None = None
    ) -> None:
        """Insert what an earlier try did not. Ids are given, so that a call that was not noted is seen."""
        noted = await self.db.bench_progress.find_one({"_id": step})
        done = noted["done"] if noted else 0
        progress(f"{self.size:,}: {step}", done, total)
        there = self.db[collection or step]
        while done < total:
            stop = min(done + CALL * AT_ONCE, total)
            calls = [range(first, min(first + CALL, stop)) for first in range(done, stop, CALL)]
            await asyncio.gather(*(_insert(there, [made(number) for number in call]) for call in calls))
            await self.db.bench_progress.replace_one({"_id": step}, {"done": stop}, upsert=True)
            progress(f"{self.size:,}: {step}", done := stop, total)

    def _conversation(self, number: int) -> Record:
        began, id_ = _began(number), conversation_id(number)
        title = None if number % SOME else f"chat {number}"
        record = LIKE | {
            "_id": id_,
            "owner_id": self._owner(number),
            "title": title,
            "title_key": title_key(title),
            "tags": [] if number % SOME else [f"tag {number % 500}"],
            "attributes": {"region": "EMEA" if number % 100 == 0 else "AMER"},
            "started_at": began,
            "updated_at": began,
            "message_count": self._messages(number),
        }
        return record | stored_terms(id_, record)

    def _messages(self, number: int) -> int:
        return 0 if number % self._apart else 2 if number else self.size

    @property
    def _apart(self) -> int:
        """One in so many has messages: all that the asker owns do, whatever the size, so usage has as much to count."""
        return min(SOME, self.size // OWN)

    def _small_bucket(self, number: int) -> Record:
        """Two messages, of each conversation that has some, but the long one."""
        conversation = (number + 1) * self._apart
        owner, began = self._owner(conversation), _began(conversation)
        question, answer = SAID
        messages = [question | {"author_id": owner, "created_at": began}, answer | {"created_at": began}]
        return self._bucket(conversation, messages, tail=True) | {"_id": _id(0xB, conversation)}

    def _long_bucket(self, number: int) -> Record:
        first = number * TreeLimits().bucket_messages
        last = first + TreeLimits().bucket_messages
        messages = [_draft(depth, ASKER, BEGAN).record(depth) for depth in range(first, last)]
        return self._bucket(0, messages, tail=last >= self.size) | {"_id": _id(0xC, number)}

    def _bucket(self, conversation: int, messages: list[Record], *, tail: bool) -> Record:
        """Indexed for search, so that no test of that finds them: these are measured with other data."""
        id_, limits = conversation_id(conversation), TreeLimits()
        buckets = Buckets(self.db, id_, limits.bucket_messages, limits, self._owner(conversation))
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


async def _insert(collection: AsyncCollection[Record], batch: list[Record]) -> None:
    """Those that an interrupted try has left there are the same."""
    try:
        await collection.insert_many(batch, ordered=False)
    except BulkWriteError as error:
        if any(each["code"] != DUPLICATE for each in error.details["writeErrors"]):
            raise


def _began(number: int) -> datetime:
    return BEGAN + timedelta(minutes=number % 400_000)


def _branch(number: int) -> Record:
    id_ = conversation_id(number)
    return {
        "_id": id_,
        "conversation_id": id_,
        "branch": MAIN,
        "parent_branch": None,
        "fork_depth": 0,
        "ordinal": 0,
        "created_at": _began(number),
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


def _template() -> dict[str, Any]:
    """A conversation as it is stored, whatever its fields are by now."""
    made = Conversation.model_construct(
        owner_id=ASKER, started_at=BEGAN, updated_at=BEGAN, slot_width=TreeLimits().bucket_messages
    )
    stored: dict[str, Any] = made.model_dump(exclude={"id", "revision_id"})
    return stored


LIKE: Final = _template()
SAID: Final = [_draft(depth, ASKER, BEGAN).record(depth) for depth in range(2)]
