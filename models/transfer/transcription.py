"""From nodes that point at each other to a transcript, whatever the format they came in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from models.bucket import MessageRole
from models.transfer.errors import Refusal
from models.transfer.graph import Node, Shape, shape
from models.transfer.transcript import Terms, Transcript
from models.transfer.values import headline, text_of
from models.tree.plant import Sprout

TITLE_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class About:
    """What a file says of a conversation beside its messages, and how its format is read.

    `current`: the id of the node on which it opens, under the name `pointer`; `newest`: it opens on the newest answers,
    as nothing is said. `adrift`: nodes whose parent is missing begin trees of their own. `noun`: what a node is called.
    """

    source_id: object
    title: object
    started_at: datetime | None
    updated_at: datetime | None
    current: object = None
    pointer: str = ""
    newest: bool = False
    adrift: bool = False
    noun: str = "message"
    tags: list[str] = field(default_factory=list)
    archived: bool = False


def transcription(
    found: Mapping[str, Node | None], about: About, where: str, terms: Terms
) -> Iterator[Transcript | Refusal]:
    """The conversation, after what is wrong with single nodes of it."""
    nodes = {name: node for name, node in found.items() if node is not None}
    shaped = shape(nodes, adrift=about.adrift)
    for name, reason in _flaws(found, shaped):
        yield Refusal(f"{where}, {about.noun} {name[:80]}", reason)
    started_at, updated_at = _span(about, nodes, terms)
    sprouts, places = _sprouts(nodes, shaped, started_at)
    source_id = about.source_id or _first_id(nodes, shaped)
    if not isinstance(source_id, str):
        yield Refusal(where, "has neither an id nor a message to know it by")
        return
    opening = about.current if isinstance(about.current, str) and about.current in places else None
    if about.current is not None and opening is None:
        yield Refusal(where, f"its `{about.pointer}` is not in it: it opens on its first branch")
    newest = _newest(sprouts) if about.newest else None
    yield Transcript(
        source_id=text_of(source_id),
        title=_title(about.title, sprouts),
        started_at=started_at,
        updated_at=updated_at,
        sprouts=sprouts,
        chosen=newest if opening is None else places[opening],
        tags=about.tags,
        archived=about.archived,
    )


def _flaws(found: Mapping[str, Node | None], shaped: Shape) -> Iterator[tuple[str, str]]:
    yield from ((name, "is no node") for name, node in found.items() if node is None)
    yield from shaped.lost
    for name, _ in shaped.order:
        node = found[name]
        if node and node.flaw:
            yield name, node.flaw


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


def _newest(sprouts: Sequence[Sprout]) -> int | None:
    """The end of the path that takes the last answer at every fork."""
    last = {sprout.parent: place for place, sprout in enumerate(sprouts)}
    place = last.get(None)
    while place in last:
        place = last[place]
    return place


def _span(about: About, nodes: Mapping[str, Node], terms: Terms) -> tuple[datetime, datetime]:
    """When it started and when it last changed: what it says itself, else its messages, else the file."""
    said = [node.said.created_at for node in nodes.values() if node.said and node.said.created_at]
    started_at = about.started_at or min(said, default=about.updated_at or terms.written_at)
    return started_at, about.updated_at or max(said, default=started_at)


def _first_id(nodes: Mapping[str, Node], shaped: Shape) -> str | None:
    """Some exports give no id: the first message's is as lasting."""
    return next((f"node {name}" for name, _ in shaped.order if nodes[name].said), None)


def _title(title: object, sprouts: Sequence[Sprout]) -> str | None:
    if isinstance(title, str) and title.strip():
        return headline(text_of(title), TITLE_LENGTH)
    asked = (sprout.content for sprout in sprouts if sprout.role is MessageRole.USER)
    return headline(next(asked, ""))
