"""ChatGPT exports and Open-Assistant lines in miniature, as a test wants them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from models.transfer import chatgpt, oasst
from models.transfer.errors import Refusal
from models.transfer.transcript import Terms, Transcript
from models.tree.draft import TreeLimits

WRITTEN_AT = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
EPOCH = 1_700_000_000
CHUNK = 11
"""Small, and no divisor of anything: records, strings and escapes are cut everywhere."""


def node(
    name: str, parent: str | None, children: Sequence[str] = (), text: str | None = None, **message: Any
) -> dict[str, Any]:
    """A node whose message says its own name, from the user; `message` replaces fields of it."""
    said = {
        "id": name,
        "author": {"role": "user", "name": None, "metadata": {}},
        "create_time": EPOCH + 1.5,
        "content": {"content_type": "text", "parts": [name if text is None else text]},
        "status": "finished_successfully",
        "metadata": {},
        "recipient": "all",
    }
    return {"id": name, "message": said | message, "parent": parent, "children": list(children)}


def link(name: str, parent: str | None, children: Sequence[str] = ()) -> dict[str, Any]:
    """A node without a message."""
    return {"id": name, "message": None, "parent": parent, "children": list(children)}


def conversation(*nodes: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """A conversation of `nodes`."""
    made = {
        "title": "A talk",
        "create_time": EPOCH,
        "update_time": EPOCH + 100,
        "mapping": {each["id"]: each for each in nodes},
        "current_node": None,
        "conversation_id": "c-1",
    }
    return made | fields


def chunks(text: str | bytes, size: int = CHUNK) -> Iterator[bytes]:
    """`text` in pieces of `size` bytes."""
    data = text.encode() if isinstance(text, str) else text
    return (data[start : start + size] for start in range(0, len(data), size))


def terms(**limits: int) -> Terms:
    """The terms of these tests."""
    return Terms(TreeLimits(**limits), WRITTEN_AT)


def read_chatgpt(export: Any, **limits: int) -> tuple[list[Transcript], list[Refusal]]:
    """What the reader makes of `export`: JSON text, or the value to render as such."""
    text = export if isinstance(export, str | bytes) else json.dumps(export)
    return sorted_out(chatgpt.read("f.json", chunks(text), terms(**limits)))


def read_oasst(text: Any, **limits: int) -> tuple[list[Transcript], list[Refusal]]:
    """What the reader makes of JSON lines, or of one tree."""
    lines = text if isinstance(text, str | bytes) else json.dumps(text)
    return sorted_out(oasst.read("f.jsonl", chunks(lines), terms(**limits)))


def sorted_out(items: Iterator[Transcript | Refusal]) -> tuple[list[Transcript], list[Refusal]]:
    """Conversations and refusals apart."""
    found = list(items)
    transcripts = [item for item in found if isinstance(item, Transcript)]
    return transcripts, [item for item in found if isinstance(item, Refusal)]


def drawn(transcript: Transcript) -> str:
    """The tree in one line: `a(b c(d))`."""
    children: dict[int | None, list[int]] = {}
    for place, sprout in enumerate(transcript.sprouts):
        children.setdefault(sprout.parent, []).append(place)

    def draw(place: int) -> str:
        below = " ".join(draw(child) for child in children.get(place, []))
        return transcript.sprouts[place].content + (f"({below})" if below else "")

    return " ".join(draw(root) for root in children.get(None, []))
