"""Reads Open WebUI's exports, `chat-export-….json`: a list of chats, or a single one.

A chat's tree is `chat.history`: messages by id with `parentId` and `childrenIds`, and `currentId`, the end of the open
branch. The parent pointer decides where a message hangs, the parent's list in which order. Chats of the first months
have a flat list `messages` instead, each following the one before; newer ones have it besides, as a copy of the open
branch, which is passed over. A message whose parent is missing begins a branch, so that nothing is lost. What is asked
of the model beside the messages (`params`, `system`) is not imported.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from models.transfer.content import field
from models.transfer.errors import Refusal
from models.transfer.graph import Node
from models.transfer.openwebui_message import said
from models.transfer.parsing import Members
from models.transfer.reading import Found, conversations, named
from models.transfer.records import elements_or_one
from models.transfer.said import UnfitMessageError
from models.transfer.transcript import Terms, Transcript, labels
from models.transfer.transcription import About, transcription
from models.transfer.values import epoch
from models.tree.draft import TreeLimits

PATHS: Final = frozenset(
    {("chat", "history", "messages"), ("history", "messages"), ("chat", "messages"), ("messages",)}
)
NOT_THIS: Final = "is not in format `openwebui`: a list of chats, as in `chat-export-….json` of Open WebUI"


def read(name: str, chunks: Iterator[bytes], terms: Terms) -> Iterator[Transcript | Refusal]:
    """The chats of the file called `name`, and what can't be imported of it."""
    members = Members(PATHS, partial(node, limits=terms.limits))
    for found in conversations(name, elements_or_one(chunks), members, NOT_THIS):
        if isinstance(found, Refusal):
            yield found
        else:
            yield from _transcribed(found, terms)
        del found  # or else it is held while the next one is read


def node(raw: Any, limits: TreeLimits) -> Node | None:
    """The node that `raw` describes; None if it isn't one."""
    if not isinstance(raw, dict):
        return None
    parent, children = raw.get("parentId"), raw.get("childrenIds")
    links = [child for child in children if isinstance(child, str)] if isinstance(children, list) else []
    above = parent if isinstance(parent, str) and parent else None
    try:
        spoken = said(raw, limits)
    except UnfitMessageError as error:
        return Node(above, links, flaw=f"{error}; its replies follow the message before it")
    return Node(above, links, spoken, spoken.flaw)


def _transcribed(found: Found, terms: Terms) -> Iterator[Transcript | Refusal]:
    record = found.value
    chat = record["chat"] if isinstance(field(record, "chat"), dict) else record
    tree = field(chat, "history", "messages")
    nodes = _nodes(tree, field(chat, "messages"))
    if nodes is None:
        yield Refusal(found.where, "is no chat: `history.messages` is missing")
        return
    where = named(found.where, field(record, "id"), chat.get("id"))
    for repeated in found.repeated:
        yield Refusal(f"{where}, message {repeated[:80]}", "a message of that id came before; this one is left out")
    yield from transcription(nodes, _about(record, chat, nodes is tree), where, terms)


def _nodes(tree: Any, flat: Any) -> Mapping[str, Node | None] | None:
    """What the tree holds, or else the flat list as a line; None where there is neither."""
    if isinstance(tree, dict) and (tree or not flat):
        return tree
    if not isinstance(flat, list):
        return None
    nodes: dict[str, Node | None] = {}
    before: str | None = None
    for number, found in enumerate(flat, 1):
        name = f"number {number}"
        nodes[name] = found and Node(before, [], found.said, found.flaw)
        before = name if found else before
    return nodes


def _about(record: Mapping[str, Any], chat: Mapping[str, Any], branched: bool) -> About:
    started_at = epoch(record.get("created_at")) or epoch(chat.get("timestamp"))
    return About(
        source_id=record.get("id") or chat.get("id"),
        title=record.get("title") or chat.get("title"),
        started_at=started_at,
        updated_at=epoch(record.get("updated_at")) or started_at,
        current=field(chat, "history", "currentId") if branched else None,
        pointer="currentId",
        adrift=True,
        tags=labels(field(record, "meta", "tags") or chat.get("tags")),
        archived=record.get("archived") is True,
    )
