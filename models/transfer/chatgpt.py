"""Reads `conversations.json` of ChatGPT's data export, one conversation at a time.

Nodes without a message, and system messages that are hidden or empty, are passed over: what follows them follows
their nearest ancestor that is kept. A message that can't be understood is refused and passed over likewise; one over
the size limit keeps its place, with a sentence that says so. Message times that are missing are the parent's.
"""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from models.transfer.chatgpt_message import said
from models.transfer.errors import Refusal
from models.transfer.graph import Node
from models.transfer.parsing import Members
from models.transfer.reading import Found, conversations, named
from models.transfer.records import elements
from models.transfer.said import UnfitMessageError
from models.transfer.transcript import Terms, Transcript
from models.transfer.transcription import About, transcription
from models.transfer.values import moment
from models.tree.draft import TreeLimits

IN_ZIP: Final = re.compile(r"(^|/)conversations(-\d+)?\.json$")
"""The members of the export's archive; a large export has several."""

NOT_THIS: Final = "is not in format `chatgpt`: a list of conversations, as in `conversations.json` of ChatGPT's export"


def read(name: str, chunks: Iterator[bytes], terms: Terms) -> Iterator[Transcript | Refusal]:
    """The conversations of the file called `name`, and what can't be imported of it."""
    members = Members(frozenset({("mapping",)}), partial(node, limits=terms.limits))
    for found in conversations(name, elements(chunks), members, NOT_THIS):
        if isinstance(found, Refusal):
            yield found
        else:
            yield from _transcribed(found, terms)
        del found  # or else it is held while the next one is read


def _transcribed(found: Found, terms: Terms) -> Iterator[Transcript | Refusal]:
    conversation = found.value
    if not isinstance(conversation, dict) or not isinstance(conversation.get("mapping"), dict):
        yield Refusal(found.where, "is no conversation: `mapping` is missing")
        return
    where = named(found.where, conversation.get("conversation_id"), conversation.get("id"))
    for repeated in found.repeated:
        yield Refusal(f"{where}, node {repeated[:80]}", "a node of that id came before; this one is left out")
    yield from transcribe(conversation, where, terms)


def transcribe(conversation: Mapping[str, Any], where: str, terms: Terms) -> Iterator[Transcript | Refusal]:
    """The conversation, its `mapping` made of `Node`s, after what is wrong with single nodes of it."""
    about = About(
        source_id=conversation.get("conversation_id") or conversation.get("id"),
        title=conversation.get("title"),
        started_at=moment(conversation.get("create_time")),
        updated_at=moment(conversation.get("update_time")),
        current=conversation.get("current_node"),
        pointer="current_node",
        noun="node",
        archived=conversation.get("is_archived") is True,
    )
    yield from transcription(conversation["mapping"], about, where, terms)


def node(raw: Any, limits: TreeLimits) -> Node | None:
    """The node that `raw` describes; None if it isn't one."""
    if not isinstance(raw, dict):
        return None
    parent, children = raw.get("parent"), raw.get("children")
    links = [child for child in children if isinstance(child, str)] if isinstance(children, list) else []
    above = None if parent is None else str(parent)
    message = raw.get("message")
    if message is None:
        return Node(above, links)
    try:
        spoken = said(message, limits)
    except UnfitMessageError as error:
        return Node(above, links, flaw=f"{error}; its replies follow the message before it")
    return Node(above, links, spoken, spoken.flaw if spoken else None)
