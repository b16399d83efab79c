"""Small corpora, and the naive search that the index must agree with: every message read, judged and ranked."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from beanie import PydanticObjectId

from models.bucket import MessageRole, Metadata
from models.conversation import Conversation
from models.conversation_list import Scope
from models.database import Database, Record
from models.search.analysis import analyse
from models.search.documents import MessageKey
from models.search.entries import impact
from models.search.indexer import Indexer
from models.search.matching import marks
from models.search.query import parse
from models.search.reach import MessageFilter, Reach
from models.search.search import Hit, MessageSearch, SearchRequest
from models.tree import MAIN, Draft, MessageTree, TreeLimits

AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS: Final = TreeLimits(bucket_messages=4)


@dataclass
class Corpus:
    """What is stored, twice: in the database, and as plain data."""

    database: Database
    tree: MessageTree = field(init=False)
    indexer: Indexer = field(init=False)
    search: MessageSearch = field(init=False)
    conversations: dict[PydanticObjectId, Conversation] = field(default_factory=dict)
    messages: dict[bytes, Record] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tree = MessageTree(self.database.db, LIMITS)
        self.indexer = Indexer(self.database.db, fanout=2)
        self.search = MessageSearch(self.database.db, self.tree)

    async def chat(self, owner_id: PydanticObjectId, texts: Iterable[str] = (), **fields: Any) -> Conversation:
        """A conversation with these messages."""
        conversation = Conversation(owner_id=owner_id, started_at=AT, updated_at=AT, slot_width=4, **fields)
        await self.tree.start(conversation)
        self.conversations[conversation.id] = conversation
        for text in texts:
            await self.say(conversation, text)
        return conversation

    async def say(
        self, conversation: Conversation, text: str, role: MessageRole = MessageRole.USER, model: str | None = None
    ) -> bytes:
        """One message more; its key."""
        draft = Draft(
            role,
            text,
            author_id=conversation.owner_id if role is MessageRole.USER else None,
            created_at=AT + timedelta(days=3 * len(self.messages)),
            metadata=Metadata(llm_model=model) if model else None,
        )
        appended = await self.tree.append_at_end(conversation, MAIN, draft)
        key = MessageKey(conversation.owner_id, conversation.id, appended.address).packed
        self.messages[key] = dict(appended.message)
        return key

    async def indexed(self) -> None:
        """All that is stored is in the index."""
        while await self.indexer.take():
            pass

    async def found(self, reach: Reach, text: str, wanted: MessageFilter | None = None, size: int = 100) -> list[Hit]:
        """Hits of all pages."""
        hits: list[Hit] = []
        place, more = None, True
        while more:
            request = SearchRequest(parse(text), wanted or MessageFilter(), size, place)
            page = await self.search.find(reach, request)
            assert page.complete
            assert len(page.hits) <= size
            hits += page.hits
            place, more = page.end, page.more
        return hits

    def naive(
        self,
        user_id: PydanticObjectId,
        may_read: Callable[[Conversation], bool],
        text: str,
        wanted: MessageFilter | None = None,
    ) -> list[bytes]:
        """Keys in the order in which they must be found."""
        query, wanted = parse(text), wanted or MessageFilter()
        texts = {key: analyse(message["content"]) for key, message in self.messages.items()}
        own = [texts[key] for key in self.messages if self._counts(key, user_id, wanted) and texts[key].terms]
        weights = []
        for needle in query.needles:
            count = sum(not needle.isdisjoint(each.terms) for each in own)
            weights.append(max(1, round(64 * math.log(1 + (len(own) - count + 0.5) / (count + 0.5)))))
        scored = []
        for key, message in self.messages.items():
            conversation = self.conversations[MessageKey.unpack(key).conversation_id]
            if not self._reaches(conversation, may_read, wanted) or not wanted.passes(message):
                continue
            if message.get("deleted_at") or marks(query, message["content"]) is None:
                continue
            analysis = texts[key]
            strengths = [
                max(impact(analysis.terms.get(term, 0), analysis.length) for term in needle & analysis.terms.keys())
                for needle in query.needles
            ]
            scored.append((sum(w * s for w, s in zip(weights, strengths, strict=True)), key))
        return [key for _, key in sorted(scored, reverse=True)]

    def _counts(self, key: bytes, user_id: PydanticObjectId, wanted: MessageFilter) -> bool:
        message = MessageKey.unpack(key)
        there = wanted.conversation
        return message.owner_id == user_id and (there is None or message.conversation_id == there.id)

    def _reaches(
        self, conversation: Conversation, may_read: Callable[[Conversation], bool], wanted: MessageFilter
    ) -> bool:
        return (
            may_read(conversation)
            and not conversation.deleted
            and (wanted.conversation is None or wanted.conversation.id == conversation.id)
            and (wanted.tags_any is None or bool(set(wanted.tags_any) & set(conversation.tags)))
        )


def owner(user_id: PydanticObjectId) -> Reach:
    """Of somebody who reads his own."""
    where = {"owner_id": {"$eq": user_id}}
    return Reach(user_id, [Scope({"owner_id": user_id}, where)], [where], [where])


def named(user_id: PydanticObjectId, ids: Sequence[PydanticObjectId]) -> Reach:
    """Of somebody who reads his own, and these conversations."""
    mine, those = {"owner_id": {"$eq": user_id}}, {"_id": {"$in": list(ids)}}
    return Reach(user_id, [Scope({"owner_id": user_id}, mine), Scope({}, those)], [mine, those], [mine, those])


def everybody(user_id: PydanticObjectId) -> Reach:
    """Of somebody who reads all."""
    return Reach(user_id, [Scope({}, {})], [{}], [{}])


def keys(hits: Sequence[Hit]) -> list[bytes]:
    """Of the messages found."""
    return [MessageKey(hit.conversation.owner_id, hit.conversation.id, hit.row.address).packed for hit in hits]


def texts(hits: Sequence[Hit]) -> list[str]:
    """What they say."""
    return [hit.row.message["content"] for hit in hits]
