"""Writes `conversations.json` as ChatGPT's data export has it: for our own reader, and for others of that format.

It has no words for tombstones, whose messages come without text; nor for edits, tokens, attributes, tags and others'
names. What it does say of a message comes back as it was: its place in the tree, role, text, time and model.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import orjson
from beanie import PydanticObjectId

from models.conversation import Conversation
from models.transfer.exporting import Tally, Trees, View
from models.tree.address import MAIN, Address
from models.tree.fork_queue import Fork
from models.tree.walk import Visit

ROOT: Final = "root"
START: Final = b'{"conversation_id":"'
FIRST: Final = b"[\n"
ID: Final = 24


class ChatGptWriting:
    """One conversation a line, so that what is cut short can be gone on with."""

    media_type: Final = "application/json"
    file_name: Final = "conversations.json"

    def first(self, of: PydanticObjectId | None) -> bytes:
        return FIRST

    async def conversation(
        self, trees: Trees, conversation: Conversation, view: View, tally: Tally
    ) -> AsyncIterator[bytes]:
        walk = trees.walk(conversation)
        current = await _current(trees, conversation)
        beginnings = await walk.beginnings()
        messages = 0
        root: bytes | None = None
        yield (b"," if tally.conversations else b"") + _head(conversation)
        async for stretch in walk.stretches(beginnings):
            if root is None:  # `main` comes first
                root = _root(beginnings, main=bool(stretch.visits))
                yield root
            messages += len(stretch.visits)
            yield b"".join(_node(visit, metadata=view.metadata) for visit in stretch.visits)
        yield b'},"current_node":' + orjson.dumps(current) + b"}\n"
        tally.conversations += 1
        tally.messages += messages

    def last(self, tally: Tally) -> bytes:
        return b"]\n"

    def broken_off(self, reason: str) -> bytes:
        return b""

    def whole(self, line: bytes) -> Mapping[str, object] | None:
        line = line.removeprefix(b",")
        return {"id": line[len(START) : len(START) + ID].decode()} if line.startswith(START) else None


async def _current(trees: Trees, conversation: Conversation) -> str | None:
    """The message at the end of the branch on which the owner is."""
    history = trees.history(conversation)
    branch = await history.refuge(conversation.chosen_branch)
    end = (await history.ends([branch])).get(branch)
    return str(end.tip) if end else None


def _head(conversation: Conversation) -> bytes:
    about = {
        "conversation_id": str(conversation.id),
        "id": str(conversation.id),
        "title": conversation.title,
        "create_time": conversation.started_at.timestamp(),
        "update_time": conversation.updated_at.timestamp(),
        "is_archived": conversation.archived,
    }
    return orjson.dumps(about)[:-1] + b',"mapping":{'


def _root(beginnings: list[Fork], *, main: bool) -> bytes:
    first = [str(Address(fork.branch, 0)) for fork in beginnings if fork.branch != MAIN or main]
    return b'"root":' + orjson.dumps({"id": ROOT, "message": None, "parent": None, "children": first})


def _node(visit: Visit, *, metadata: bool) -> bytes:
    name = str(visit.address)
    node = {
        "id": name,
        "message": _message(name, visit.message, metadata=metadata),
        "parent": str(visit.parent) if visit.parent else ROOT,
        "children": [str(child) for child in visit.children],
    }
    return b"," + orjson.dumps(name) + b":" + orjson.dumps(node)


def _message(name: str, said: Mapping[str, Any], *, metadata: bool) -> dict[str, Any]:
    noted = (said.get("metadata") if metadata else None) or {}
    about = {
        "model_slug": noted.get("llm_model"),
        "finish_details": {"type": noted["finish_reason"]} if "finish_reason" in noted else None,
        "deleted": True if said.get("deleted_at") else None,
    }
    return {
        "id": name,
        "author": {"role": said["role"], "name": None, "metadata": {}},
        "create_time": said["created_at"].timestamp(),
        "content": {"content_type": "text", "parts": [said.get("content") or ""]},
        "status": "finished_successfully" if said.get("status") is None else "in_progress",
        "weight": 1.0,
        "metadata": {field: value for field, value in about.items() if value is not None},
        "recipient": "all",
    }
