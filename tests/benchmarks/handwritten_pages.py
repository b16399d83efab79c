"""The end of a branch by hand: where it lies is remembered, and read anew together with what lies there.

So a page takes two reads with its conversation's, as it does in ours, and another one where the branch has grown.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from beanie import PydanticObjectId
from bson import ObjectId
from pymongo.asynchronous.database import AsyncDatabase
from starlette.exceptions import HTTPException

from models.database import Record
from models.tree import MAIN, TreeLimits
from models.tree.buckets import TAIL_FIELDS, Buckets, Tail
from models.tree.lineage import Chunk, Lineage, Segment, resolve

REMEMBERED: Final = 10_000

Path = Sequence[tuple[int, Segment]]
"""Depths, each with the segment that holds it: those of a page, and the one before it."""


class _Place(NamedTuple):
    conversation_id: ObjectId
    branch: str
    last: int


@dataclass(frozen=True, slots=True)
class Page:
    """What was read: the messages by branch and depth."""

    path: Path
    found: Mapping[tuple[str, int], Record]

    @property
    def length(self) -> int:
        """Of the whole branch, from the first message on."""
        return self.path[-1][0] + 1

    def edges(self, conversation: Record, *, metadata: bool) -> list[dict[str, Any]]:
        """An edge for each place; the one before the page counts the first one's siblings."""
        forks, messages = conversation.get("root_forks", 0), messages_of(conversation)
        edges: list[dict[str, Any]] = []
        for depth, segment in self.path:
            message = self.found[segment.branch, depth]
            index = max(segment.ordinal, 1) if depth == segment.start and segment.branch != MAIN else 0
            shown = shown_message(messages, segment.branch, message)
            shown["siblingCount"] = max(forks, index) + 1
            shown["siblingIndex"] = index
            shown["metadata"] = _metadata(message.get("metadata")) if metadata else None
            edges.append({"node": shown})
            forks = message.get("forks", 0)
        return edges


class Pages:
    """Of all conversations."""

    def __init__(self, db: AsyncDatabase[Record]) -> None:
        self._db = db
        self._buckets = db["buckets"]
        self._paths: dict[_Place, Path] = {}

    async def read(self, conversation: Record, branch: str, last: int) -> Page:
        """The last messages of a branch. Raise `HTTPException` where there are none."""
        place = _Place(conversation["_id"], branch, last)
        if path := self._paths.get(place):
            buckets = await self._read(conversation, path)
            if any(each.get("tail") == branch and each["next_depth"] == path[-1][0] + 1 for each in buckets):
                return _page(path, buckets)
        tail = await self._tail(conversation, branch)
        path = await self._path(conversation, tail, max(tail.next_depth - last - 1, 0))
        self._paths[place] = path
        if len(self._paths) > REMEMBERED:
            del self._paths[next(iter(self._paths))]
        return _page(path, await self._read(conversation, path))

    async def _tail(self, conversation: Record, branch: str) -> Tail:
        found = await self._buckets.find(
            {"conversation_id": conversation["_id"], "tail": branch}, TAIL_FIELDS
        ).to_list()
        if not found:
            raise HTTPException(404)
        return Tail.of(max(found, key=lambda bucket: bucket["next_depth"]))

    async def _path(self, conversation: Record, tail: Tail, start: int) -> Path:
        """The depths from `start` to the end, each with the segment that holds it."""
        id_, width = PydanticObjectId(conversation["_id"]), conversation["slot_width"]

        async def fetch(chunks: Sequence[Chunk]) -> Mapping[str, Lineage]:
            return await Buckets(self._db, id_, width, TreeLimits()).lineages(chunks)

        found = await resolve(tail.lineage, [range(start, tail.next_depth)], fetch)
        ends = [*(segment.start for segment in found[1:]), tail.next_depth]
        return [
            (depth, segment)
            for segment, end in zip(found, ends, strict=True)
            for depth in range(max(segment.start, start), end)
        ]

    async def _read(self, conversation: Record, path: Path) -> list[Record]:
        width, start, stop = conversation["slot_width"], path[0][0], path[-1][0] + 1
        slots = list({f"{segment.branch}.{depth // width}" for depth, segment in path})
        within = {"$and": [{"$gte": ["$$m.depth", start]}, {"$lt": ["$$m.depth", stop]}]}
        query = {"conversation_id": conversation["_id"], "slot": {"$in": slots}}
        messages = {"$filter": {"input": "$messages", "as": "m", "cond": within}}
        fields = {"branch": 1, "tail": 1, "next_depth": 1, "messages": messages}
        return await self._buckets.find(query, fields, batch_size=1000).to_list()


def _page(path: Path, buckets: Sequence[Record]) -> Page:
    return Page(
        path, {(bucket["branch"], message["depth"]): message for bucket in buckets for message in bucket["messages"]}
    )


def messages_of(conversation: Record) -> str:
    """How the ids of its messages begin."""
    return f"Message:{conversation['_id']}:"


def shown_message(messages: str, branch: str, message: Mapping[str, Any]) -> dict[str, Any]:
    """`messages` is how the ids of a conversation's messages begin."""
    depth = message["depth"]
    return {
        "id": encoded(f"{messages}{branch}.{depth}"),
        "depth": depth,
        "role": message["role"].upper(),
        "content": None if message.get("deleted_at") else message["content"],
        "createdAt": message["created_at"],
        "status": message.get("status", "complete").upper(),
    }


def _metadata(stored: Record | None) -> dict[str, Any] | None:
    if not stored:
        return None
    tokens = stored.get("tokens_used")
    if tokens is None and ("tokens_in" in stored or "tokens_out" in stored):
        tokens = stored.get("tokens_in", 0) + stored.get("tokens_out", 0)
    return {"llmModel": stored.get("llm_model"), "tokensUsed": tokens, "latencyMs": stored.get("latency_ms")}


def encoded(text: str) -> str:
    """As a global id."""
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
