"""Counting by hand: the tree is walked as readers walk it, and every message added up the plainest way."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.bucket import MessageRole
from models.conversation import Conversation
from models.database import Record
from models.tree import Address, MessageTree
from models.tree.errors import BranchNotFoundError
from models.usage.figures import Figures
from models.usage.question import UsageDimension, UsageFilter, UsageQuestion
from models.usage.reach import UsageReach
from models.usage.usage import Report, Usage
from tests.models.tree.model import walk

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00Z")
ANYBODY = PydanticObjectId()


def everything(metadata: Sequence[Record] = ({},)) -> UsageReach:
    return UsageReach([{}], [{}], [{}], metadata)


async def ask(db: AsyncDatabase[Record], question: UsageQuestion, reach: UsageReach | None = None) -> Report:
    return await Usage(db).report(ANYBODY, reach or everything(), question)


async def readable(db: AsyncDatabase[Record], tree: MessageTree) -> list[tuple[Conversation, Record]]:
    """Every message that is there for readers, each once: all branches, walked from the root to the end."""
    found: list[tuple[Conversation, Record]] = []
    async for record in db.conversations.find({"deleted": False}):
        conversation = Conversation.model_validate(record)
        history = tree.history(conversation)
        rows: dict[Address, Record] = {}
        names = [branch["branch"] async for branch in db.branches.find({"conversation_id": conversation.id})]
        for name in await history.ends(names):
            try:
                rows |= {row.address: dict(row.message) for row in await walk(history, name, 50)}
            except BranchNotFoundError:
                continue
        found += [(conversation, row) for row in rows.values() if row.get("deleted_at") is None]
    return found


def recount(messages: Sequence[tuple[Conversation, Record]], question: UsageQuestion) -> Report:
    """What should come out, for somebody who may read everything."""
    groups: dict[tuple[Any, ...], list[Record]] = defaultdict(list)
    everything: list[Record] = []
    for conversation, message in messages:
        if wanted(question.wanted, conversation, message):
            everything.append(message)
            for tag in _tags(conversation) if UsageDimension.TAG in question.by else [None]:
                groups[tuple(key(by, question, conversation, message, tag) for by in question.by)].append(message)
    return Report({name: figures(each) for name, each in groups.items()}, figures(everything))


def wanted(filter: UsageFilter, conversation: Conversation, message: Record) -> bool:
    return (
        (filter.since is None or message["created_at"] >= filter.since)
        and (filter.until is None or message["created_at"] < filter.until)
        and (filter.conversation_id is None or conversation.id == filter.conversation_id)
        and (filter.owner_id is None or conversation.owner_id == filter.owner_id)
        and (filter.author_id is None or message.get("author_id") == filter.author_id)
        and (filter.llm_model is None or message.get("metadata", {}).get("llm_model") == filter.llm_model)
        and (filter.role is None or message["role"] == filter.role.value)
        and (filter.tags_any is None or bool(set(filter.tags_any) & set(conversation.tags)))
        and (filter.tags_all is None or set(filter.tags_all) <= set(conversation.tags))
    )


def key(by: UsageDimension, question: UsageQuestion, conversation: Conversation, message: Record, tag: Any) -> Any:
    local = message["created_at"].astimezone(question.zone)
    return {
        UsageDimension.MODEL: message.get("metadata", {}).get("llm_model"),
        UsageDimension.USER: message.get("author_id"),
        UsageDimension.OWNER: conversation.owner_id,
        UsageDimension.ROLE: MessageRole(message["role"]),
        UsageDimension.TAG: tag,
        UsageDimension.DAY: local.date().toordinal() - EPOCH.toordinal(),
        UsageDimension.HOUR: _hour(local),
    }[by]


def _hour(local: datetime) -> int:
    offset = local.utcoffset() or timedelta(0)
    begun = local.replace(minute=0, second=0, microsecond=0, tzinfo=EPOCH.tzinfo) - offset
    return (begun - EPOCH) // timedelta(milliseconds=1)


def figures(messages: Sequence[Record]) -> Figures:
    said = [message.get("metadata", {}) for message in messages]
    latencies = sorted(each["latency_ms"] for each in said if "latency_ms" in each)
    read, written = (sum(each.get(name, 0) for each in said) for name in ("tokens_in", "tokens_out"))
    used = sum(each.get("tokens_used", each.get("tokens_in", 0) + each.get("tokens_out", 0)) for each in said)
    p50, p95, p99 = (_percentile(latencies, percent) for percent in (50, 95, 99))
    return Figures(len(messages), 0, read, written, used, len(latencies), (p50, p95, p99))


def _percentile(ordered: Sequence[int], percent: int) -> int | None:
    """The least value that `percent` of all don't exceed, by trying each."""
    return next((each for each in ordered if sum(o <= each for o in ordered) * 100 >= percent * len(ordered)), None)


def _tags(conversation: Conversation) -> Sequence[str | None]:
    return list(dict.fromkeys(conversation.tags)) or [None]
