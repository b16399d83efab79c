"""Exports of Open WebUI and LibreChat in miniature, made by hand after what their code writes.

Open WebUI, below backend/open_webui: the record is `ChatResponse` (models/chats.py, commit 4151145), usage is what
`normalize_usage` and `convert_ollama_usage_to_openai` know (utils/response.py, 04a8a87). Below src/lib/components/chat:
the file is what `exportChats` saves (Settings/DataControls.svelte, 002cd27), messages are those that `submitPrompt` and
`sendPrompt` make (Chat.svelte, 002b16d).

LibreChat: the file is what `exportJSON` makes, its `messages` what `buildMessageTree` returns (client/src/hooks:
Conversations/useExportConversation.ts and Messages/useBuildMessageTree.ts, commit 00b3bc3); fields of a message are
those of its schema (packages/data-schemas/src/schema/message.ts, 0198a2b), parts of `content` the `ContentTypes`
(packages/data-provider/src/types/runs.ts, 00db22a).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from models.transfer import librechat, openwebui
from models.transfer.errors import Refusal
from models.transfer.transcript import Terms, Transcript
from tests.models.transfer.exports import EPOCH, chunks, sorted_out, terms

Read = tuple[list[Transcript], list[Refusal]]
ZEROS = librechat.NO_PARENT


def message(name: str, parent: str | None, children: Sequence[str] = (), **fields: Any) -> dict[str, Any]:
    """A message of Open WebUI that says its own name, from the user."""
    made = {
        "id": name,
        "parentId": parent,
        "childrenIds": list(children),
        "role": "user",
        "content": name,
        "timestamp": EPOCH,
        "models": ["llama3.1:latest"],
    }
    return made | fields


def answer(name: str, parent: str | None, children: Sequence[str] = (), **fields: Any) -> dict[str, Any]:
    """One from a model."""
    made = {"role": "assistant", "model": "llama3.1:latest", "modelName": "Llama", "modelIdx": 0, "done": True}
    return message(name, parent, children, **(made | {"models": None} | fields))


def chat(*messages: Mapping[str, Any], current: str | None = None, **fields: Any) -> dict[str, Any]:
    """A chat of Open WebUI's export; beside the tree it has the open branch as a flat list."""
    talk = {
        "id": "",
        "title": "A chat",
        "models": ["llama3.1:latest"],
        "params": {},
        "history": {"messages": {each["id"]: each for each in messages}, "currentId": current},
        "messages": [dict(each) for each in messages][:2],
        "tags": [],
        "timestamp": EPOCH * 1000,
        "files": [],
    }
    made = {
        "id": "chat-1",
        "user_id": "u-1",
        "title": "A chat",
        "chat": talk,
        "updated_at": EPOCH + 100,
        "created_at": EPOCH,
        "share_id": None,
        "archived": False,
        "pinned": False,
        "meta": {"tags": ["work"]},
        "folder_id": None,
    }
    return made | fields


def reply(name: str, parent: str | None, **fields: Any) -> dict[str, Any]:
    """A message of LibreChat that says its own name, from the user."""
    made = {
        "messageId": name,
        "parentMessageId": parent or ZEROS,
        "conversationId": "talk-1",
        "sender": "User",
        "text": name,
        "isCreatedByUser": True,
        "error": False,
        "unfinished": False,
        "model": None,
        "tokenCount": 7,
        "createdAt": "2023-11-14T22:13:20.000Z",
        "updatedAt": "2023-11-14T22:13:21.000Z",
    }
    return made | fields


def spoken(name: str, parent: str | None, **fields: Any) -> dict[str, Any]:
    """One from a model."""
    return reply(name, parent, **({"isCreatedByUser": False, "sender": "GPT-4o", "model": "gpt-4o"} | fields))


def talk(*messages: Any, **fields: Any) -> dict[str, Any]:
    """A conversation of LibreChat's export."""
    made = {
        "conversationId": "talk-1",
        "endpoint": "openAI",
        "title": "A talk",
        "exportAt": "13:18:04 GMT-0400 (Eastern Daylight Time)",
        "branches": True,
        "recursive": False,
        "options": {"model": "gpt-4o", "temperature": 1, "endpoint": "openAI"},
        "messages": list(messages),
    }
    return made | fields


def read_openwebui(export: Any, **limits: int) -> Read:
    """What the reader makes of `export`: JSON text, or the value to render as such."""
    return _read(openwebui.read, export, limits)


def read_librechat(export: Any, **limits: int) -> Read:
    """The same of LibreChat's."""
    return _read(librechat.read, export, limits)


def _read(
    reader: Callable[[str, Iterator[bytes], Terms], Iterator[Transcript | Refusal]], export: Any, limits: dict[str, int]
) -> Read:
    text = export if isinstance(export, str | bytes) else json.dumps(export)
    return sorted_out(reader("f.json", chunks(text), terms(**limits)))
