"""A conversation as a reader hands it over, whatever the format it came in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from models.transfer.values import text_of
from models.tree.draft import TreeLimits
from models.tree.plant import Sprout

TAG_LENGTH: Final = 64
TAGS: Final = 32
"""As for tags that users give."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a reader must know beside the text: how large a message may be, and the time of last resort.

    `written_at` is when the file was last changed: conversations without any time of their own get it.
    """

    limits: TreeLimits
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Transcript:
    """A whole tree: `sprouts` hold parents before children and siblings in order; `chosen` is an index into them.

    The sprouts have no author yet: `importing` makes the owner the author of what users said.
    """

    source_id: str
    title: str | None
    started_at: datetime
    updated_at: datetime
    sprouts: Sequence[Sprout]
    chosen: int | None = None
    tags: list[str] = field(default_factory=list)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    archived: bool = False


def fitting(content: str, limit: int) -> tuple[str, str | None]:
    """`content`, or a sentence in its place and the reason why: a tree keeps the place of what is too large for it."""
    size = len(content.encode())
    if size <= limit:
        return content, None
    reason = f"has {size:,} bytes, {limit:,} are allowed"
    return f"[This message was not imported: it {reason}.]"[:limit], reason


def labels(found: object) -> list[str]:
    """The tags that `found` lists, as texts or as `{"name": …}`, as many and as long as a conversation may have."""
    named = [each.get("name") if isinstance(each, dict) else each for each in found] if isinstance(found, list) else []
    texts = [text_of(each.strip())[:TAG_LENGTH] for each in named if isinstance(each, str) and each.strip()]
    return list(dict.fromkeys(texts))[:TAGS]
