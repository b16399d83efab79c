"""Reads LibreChat's exports (JSON): one conversation to a file, or a list of them.

Their `messages` are a flat list that points up by `parentMessageId` (zeros: a first message), or, where it was exported
`recursive`, each holds its answers as `children`: then the place says it all. Exports without branches hold one path.
Siblings come in the file's order. No export says which branch was open: LibreChat shows the newest answers, and so the
conversation opens on them. As there, a message whose parent is missing begins a branch.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import uuid4

from models.transfer.errors import Refusal
from models.transfer.graph import Node
from models.transfer.librechat_message import said
from models.transfer.parsing import Members
from models.transfer.reading import Found, conversations, named
from models.transfer.records import elements_or_one
from models.transfer.said import UnfitMessageError
from models.transfer.transcript import Terms, Transcript, labels
from models.transfer.transcription import About, transcription
from models.tree.draft import TreeLimits

PATHS: Final = frozenset({("messages",), ("messagesTree",)})
NO_PARENT: Final = "00000000-0000-0000-0000-000000000000"
NOT_THIS: Final = "is not in format `librechat`: a conversation as LibreChat exports it to JSON, or a list of them"


def read(name: str, chunks: Iterator[bytes], terms: Terms) -> Iterator[Transcript | Refusal]:
    """The conversations of the file called `name`, and what can't be imported of it."""
    members = Members(PATHS, partial(_bunch, limits=terms.limits))
    for found in conversations(name, elements_or_one(chunks), members, NOT_THIS):
        if isinstance(found, Refusal):
            yield found
        else:
            yield from _transcribed(found, terms)
        del found  # or else it is held while the next one is read


@dataclass(frozen=True, slots=True)
class _Reply:
    """A message; `above` is the index of the one that holds it, in its bunch, and counts more than `node.parent`."""

    name: str | None
    above: int | None
    node: Node


@dataclass(frozen=True, slots=True)
class _Bunch:
    """A message of the list with all that it holds, each after what holds it."""

    replies: Sequence[_Reply]

    @property
    def weight(self) -> int:
        return sum(100 + reply.node.weight for reply in self.replies)


def _bunch(raw: Any, limits: TreeLimits) -> _Bunch:
    replies: list[_Reply] = []
    waiting: list[tuple[Any, int | None]] = [(raw, None)]
    while waiting:
        message, above = waiting.pop()
        replies.append(_reply(message, above, limits))
        children = message.get("children") if isinstance(message, dict) else None
        if isinstance(children, list):
            waiting.extend((child, len(replies) - 1) for child in reversed(children))
    return _Bunch(replies)


def _reply(raw: Any, above: int | None, limits: TreeLimits) -> _Reply:
    name, parent = (raw.get("messageId"), raw.get("parentMessageId")) if isinstance(raw, dict) else (None, None)
    parent = parent if isinstance(parent, str) and parent and parent != NO_PARENT else None
    try:
        spoken = said(raw, limits)
        node = Node(parent, [], spoken, spoken.flaw)
    except UnfitMessageError as error:
        node = Node(parent, [], flaw=f"{error}; its replies follow the message before it")
    return _Reply(name if isinstance(name, str) and name else None, above, node)


def _transcribed(found: Found, terms: Terms) -> Iterator[Transcript | Refusal]:
    record = found.value
    bunches = (record.get("messagesTree") or record.get("messages")) if isinstance(record, dict) else None
    if not isinstance(bunches, list):
        yield Refusal(found.where, "is no conversation: `messages` is missing")
        return
    where = named(found.where, record.get("conversationId"))
    nodes: dict[str, Node | None] = {}
    for name in _hung(bunches, record.get("recursive") is True, nodes):
        yield Refusal(f"{where}, message {name[:80]}", "a message of that id came before; this one is left out")
    about = About(
        source_id=record.get("conversationId"),
        title=record.get("title"),
        started_at=None,
        updated_at=None,
        newest=True,
        adrift=True,
        tags=labels(record.get("tags")),
        archived=record.get("isArchived") is True,
    )
    yield from transcription(nodes, about, where, terms)


def _hung(bunches: Sequence[_Bunch], recursive: bool, nodes: dict[str, Node | None]) -> Iterator[str]:
    """Fill `nodes`; the ids of messages that are left out, as they came before. A place in another message is no id."""
    for bunch in bunches:
        nested = recursive or len(bunch.replies) > 1
        names: list[str] = []
        for reply in bunch.replies:
            name = reply.name or f"number {len(nodes) + 1}"
            if reply.name in nodes and not nested:
                yield name
                continue
            name = _unlike(nodes, name)
            names.append(name)
            parent = reply.node.parent if reply.above is None else names[reply.above]
            if recursive and reply.above is None:
                parent = None
            nodes[name] = Node(parent, [], reply.node.said, reply.node.flaw)


def _unlike(nodes: Mapping[str, object], name: str) -> str:
    """`name`, or where it is taken, one that no file can have taken."""
    return name if name not in nodes else f"{name[:40]} {uuid4().hex}"
