"""A million messages in fifty thousand conversations, built once and kept in `.parley/bench`; or fewer."""

import os
import sys
from bisect import bisect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Any, Final

from beanie import PydanticObjectId

from models.bucket import MessageRole, Metadata
from models.database import Database, Record
from models.tree import MAIN, Draft, TreeLimits
from models.tree.buckets import Buckets
from models.tree.lineage import Lineage, Segment
from tests.benchmarks.progress import Progress

MESSAGES: Final = int(os.environ.get("BENCH_MESSAGES", "1000000"))
LENGTH: Final = 20
"""Messages to a conversation."""
VOCABULARY: Final = 200_000
"""Words, as often as Zipf says: the tenth is a tenth as frequent as the first."""
TEXTS: Final = 50_000
"""Of which the messages are made: drawing a million takes long."""
COMMON: Final = "the"
RARE: Final = "zanzibar"
"""Said once in 50,000 messages."""
ONE: Final = PydanticObjectId("1" * 24)
"""Owns a tenth of everything; the others own 100 messages each."""
BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)
CALL: Final = 500

_SMALL: Final = (
    "the",
    "of",
    "and",
    "to",
    "is",
    "that",
    "it",
    "you",
    "for",
    "with",
    "this",
    "are",
    "was",
    "have",
    "not",
)
_CONSONANTS: Final = "bcdfghklmnprstvw"
_VOWELS: Final = "aeiou"


class Words:
    """Draws words."""

    def __init__(self, random: Random, texts: int) -> None:
        self._random = random
        made = (self._word(rank) for rank in range(VOCABULARY))
        self._words = [*_SMALL, *made]
        self._sums = list(accumulate(1 / (rank + 2) for rank in range(len(self._words))))
        self._texts = [self._drawn() for _ in range(texts)]

    def text(self, number: int) -> str:
        """One of the texts, with a few words more."""
        text = self._texts[self._random.randrange(len(self._texts))]
        more = [self._words[int(self._random.random() * len(self._words))] for _ in range(2)]
        return " ".join([text, *more, *([RARE] if number % 50_000 == 7 else [])])

    def _drawn(self) -> str:
        """A text of 5 to 120 words."""
        count = min(max(int(self._random.lognormvariate(3.7, 0.7)), 5), 120)
        random, total = self._random.random, self._sums[-1]
        return " ".join(self._words[bisect(self._sums, random() * total)] for _ in range(count))

    @staticmethod
    def _word(rank: int) -> str:
        letters = []
        rank += 16
        while rank:
            rank, consonant = divmod(rank, len(_CONSONANTS))
            rank, vowel = divmod(rank, len(_VOWELS))
            letters.append(_CONSONANTS[consonant] + _VOWELS[vowel])
        return "".join(letters)


def written(step: str, done: int, total: int) -> None:
    """Progress in one line of the output."""
    sys.stdout.write(f"\r{step}: {done:,} of {total:,} ")
    sys.stdout.flush()


async def many_messages(database: Database, messages: int = MESSAGES, progress: Progress = written) -> None:
    """Have so many stored, and not indexed."""
    last = await database.db.conversations.find_one({"_id": _id(messages // LENGTH - 1)})
    if last is None:
        await _build(database, messages, progress)


async def _build(database: Database, messages: int, progress: Progress) -> None:
    buckets: list[Record] = []
    conversations: list[Record] = []
    for number, (conversation, bucket) in enumerate(_stored(database, messages)):
        conversations.append(conversation)
        buckets.append(bucket)
        if len(buckets) == CALL:
            await _replace(database, buckets, conversations)
            progress(f"{messages:,}: messages with words", (number + 1) * LENGTH, messages)
            buckets, conversations = [], []
    await _replace(database, buckets, conversations)


async def _replace(database: Database, buckets: list[Record], conversations: list[Record]) -> None:
    """An earlier try may have got so far."""
    if not buckets:
        return
    ids = [conversation["_id"] for conversation in conversations]
    if await database.db.conversations.find_one({"_id": ids[-1]}):  # stored last
        return
    await database.db.buckets.delete_many({"conversation_id": {"$in": ids}})
    await database.db.conversations.delete_many({"_id": {"$in": ids}})
    await database.db.buckets.insert_many(buckets)
    await database.db.conversations.insert_many(conversations)


def _stored(database: Database, count: int) -> Iterator[tuple[Record, Record]]:
    random = Random(1)
    words, limits = Words(random, min(TEXTS, count)), TreeLimits()
    lineage = Lineage(Segment(MAIN, 0, 0))
    for number in range(count // LENGTH):
        id_ = _id(number)
        owner = ONE if number % 10 == 0 else PydanticObjectId(f"{2 + number // 5:024x}")
        began = BEGAN + timedelta(minutes=5 * number)
        messages = [
            _draft(words.text(number * LENGTH + n), n, owner, began).record(n) | {"nonce": random.randint(0, 2**31 - 1)}
            for n in range(LENGTH)
        ]
        made = Buckets(database.db, id_, limits.bucket_messages, limits).record(MAIN, messages, lineage, tail=True)
        yield _conversation(id_, owner, began, number), made


def _draft(text: str, depth: int, owner: PydanticObjectId, began: datetime) -> Draft:
    answer = depth % 2 == 1
    metadata = Metadata(llm_model="some-model-2", tokens_in=900, tokens_out=len(text) // 4, latency_ms=1_200)
    return Draft(
        MessageRole.ASSISTANT if answer else MessageRole.USER,
        text,
        author_id=None if answer else owner,
        created_at=began + timedelta(seconds=30 * depth),
        metadata=metadata if answer else None,
    )


def _conversation(id_: PydanticObjectId, owner: PydanticObjectId, began: datetime, number: int) -> dict[str, Any]:
    return {
        "_id": id_,
        "owner_id": owner,
        "title": None,
        "tags": ["even"] if number % 2 else [],
        "attributes": {"region": "EMEA" if number % 100 == 0 else "AMER"},
        "archived": False,
        "deleted": False,
        "started_at": began,
        "updated_at": began,
        "message_count": LENGTH,
        "slot_width": TreeLimits().bucket_messages,
    }


def _id(number: int) -> PydanticObjectId:
    return PydanticObjectId(f"{0xABC:08x}{number:016x}")
