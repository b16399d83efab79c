"""Reads `conversations.json` of ChatGPT's data export, one conversation at a time.

Nodes without a message, and system messages that are hidden or empty, are passed over: what follows them follows
their nearest ancestor that is kept. A message that can't be understood is refused and passed over likewise; one over
the size limit keeps its place, with a sentence that says so. Message times that are missing are the parent's.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from models.bucket import MessageRole
from models.transfer.chatgpt_graph import Node, Shape, node, shape
from models.transfer.errors import Refusal, UnreadableFileError
from models.transfer.parsing import Members, Parsed, Unreadable, parse
from models.transfer.records import CutShortError, NotAListError, TrailingTextError, elements
from models.transfer.transcript import Terms, Transcript
from models.transfer.values import headline, moment, text_of
from models.tree.plant import Sprout

IN_ZIP: Final = re.compile(r"(^|/)conversations(-\d+)?\.json$")
"""The members of the export's archive; a large export has several."""

TITLE_LENGTH: Final = 200


def read(name: str, chunks: Iterator[bytes], terms: Terms) -> Iterator[Transcript | Refusal]:
    """The conversations of the file called `name`, and what can't be imported of it."""
    number = 0
    members = Members("mapping", partial(node, limits=terms.limits))
    try:
        for record in parse(elements(chunks), members):
            if record is not None:
                number += 1
                yield from _transcribed(record, f"{name}, conversation {number}", terms)
            del record  # or else it is held while the next one is read
    except NotAListError:
        reason = "is not in format `chatgpt`: a list of conversations, as in `conversations.json` of ChatGPT's export"
        raise UnreadableFileError(name, reason) from None
    except CutShortError:
        yield Refusal(f"{name}, conversation {number + 1}", "the file ends in the middle of it")
    except TrailingTextError:
        yield Refusal(name, f"there is more text after the list of conversations, which ended with number {number}")


def _transcribed(record: Parsed | Unreadable, where: str, terms: Terms) -> Iterator[Transcript | Refusal]:
    if isinstance(record, Unreadable):
        yield Refusal(where, record.reason)
        return
    conversation = record.value
    if not isinstance(conversation, dict) or not isinstance(conversation.get("mapping"), dict):
        yield Refusal(where, "is no conversation: `mapping` is missing")
        return
    name = conversation.get("conversation_id") or conversation.get("id") or conversation.get("title")
    where = f"{where} ({text_of(str(name))[:80]})" if name else where
    for repeated in record.repeated:
        yield Refusal(f"{where}, node {repeated}", "a node of that id came before; this one is left out")
    yield from transcribe(conversation, where, terms)


def transcribe(conversation: Mapping[str, Any], where: str, terms: Terms) -> Iterator[Transcript | Refusal]:
    """The conversation, its `mapping` made of `Node`s, after what is wrong with single nodes of it."""
    nodes = {name: found for name, found in conversation["mapping"].items() if found is not None}
    shaped = shape(nodes)
    for name, reason in _flaws(conversation["mapping"], shaped):
        yield Refusal(f"{where}, node {name}", reason)
    started_at, updated_at = _span(conversation, nodes, terms)
    sprouts, places = _sprouts(nodes, shaped, started_at)
    source_id = conversation.get("conversation_id") or conversation.get("id") or _first_id(nodes, shaped)
    if not isinstance(source_id, str):
        yield Refusal(where, "has neither an id nor a message to know it by")
        return
    current = conversation.get("current_node")
    opening = current if isinstance(current, str) and current in places else None
    if current is not None and opening is None:
        yield Refusal(where, "its `current_node` is not in it: it opens on its first branch")
    yield Transcript(
        source_id=text_of(source_id),
        title=_title(conversation, sprouts),
        started_at=started_at,
        updated_at=updated_at,
        sprouts=sprouts,
        chosen=None if opening is None else places[opening],
        tags=["archived"] if conversation.get("is_archived") is True else [],
    )


def _flaws(mapping: Mapping[str, Node | None], shaped: Shape) -> Iterator[tuple[str, str]]:
    yield from ((name, "is no node") for name, found in mapping.items() if found is None)
    yield from shaped.lost
    for name, _ in shaped.order:
        found = mapping[name]
        if found and found.flaw:
            yield name, found.flaw


def _sprouts(
    nodes: Mapping[str, Node], shaped: Shape, started_at: datetime
) -> tuple[list[Sprout], dict[str, int | None]]:
    """The messages, and for each node the index of its message, or of its nearest ancestor that has one."""
    sprouts: list[Sprout] = []
    places: dict[str, int | None] = {}
    for name, above in shaped.order:
        parent = places[above] if above is not None else None
        said = nodes[name].said
        if said is None:
            places[name] = parent
            continue
        before = started_at if parent is None else sprouts[parent].created_at
        places[name] = len(sprouts)
        sprouts.append(
            Sprout(
                parent=parent,
                role=said.role,
                content=said.content,
                created_at=said.created_at or before,
                status=said.status,
                metadata=said.metadata,
            )
        )
    return sprouts, places


def _span(conversation: Mapping[str, Any], nodes: Mapping[str, Node], terms: Terms) -> tuple[datetime, datetime]:
    """When it started and when it last changed: what it says itself, else its messages, else the file."""
    said = [found.said.created_at for found in nodes.values() if found.said and found.said.created_at]
    updated_at = moment(conversation.get("update_time"))
    started_at = moment(conversation.get("create_time")) or min(said, default=updated_at or terms.written_at)
    return started_at, updated_at or max(said, default=started_at)


def _first_id(nodes: Mapping[str, Node], shaped: Shape) -> str | None:
    """The oldest exports give no id: the first message's is as lasting."""
    return next((f"node {name}" for name, _ in shaped.order if nodes[name].said), None)


def _title(conversation: Mapping[str, Any], sprouts: list[Sprout]) -> str | None:
    title = conversation.get("title")
    if isinstance(title, str) and title.strip():
        return headline(text_of(title), TITLE_LENGTH)
    asked = (sprout.content for sprout in sprouts if sprout.role is MessageRole.USER)
    return headline(next(asked, ""))
