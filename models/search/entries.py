"""A message as the index keeps it: its key, and how strongly it holds each term."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

from beanie import PydanticObjectId

from models.bucket import MessageRole, MessageStatus
from models.search.analysis import analyse
from models.search.documents import MessageKey

TYPICAL: Final = 80
"""Units of a message of usual length. Fixed: an average over all messages would tell of those that one may not see."""
SATURATION: Final = 1.2
"""BM25's k1."""
LENGTHS: Final = 0.75
"""BM25's b: how much a message's length counts."""
STRONGEST: Final = 255
WEEK_SECONDS: Final = 7 * 24 * 3600
BEFORE: Final = 2**20
"""Weeks added, so that times before 1970 have a term too."""


class Entry(NamedTuple):
    """One message. `impacts`: 1 to `STRONGEST` by term."""

    key: bytes
    impacts: Mapping[bytes, int]


def entry(key: MessageKey, message: Mapping[str, Any]) -> Entry | None:
    """None for a message without words, or one that isn't whole yet."""
    if message.get("status") == MessageStatus.STREAMING.value:
        return None
    analysis = analyse(message.get("content") or "")
    if not analysis.terms:
        return None
    strengths = {count: impact(count, analysis.length) for count in set(analysis.terms.values())}
    impacts = {term: strengths[count] for term, count in analysis.terms.items()}
    impacts |= dict.fromkeys(_kinds(message), 1)
    return Entry(key.packed, impacts)


def impact(count: int, length: int) -> int:
    """BM25's part of a term that occurs `count` times in `length` units, in 255 steps."""
    norm = SATURATION * (1 - LENGTHS + LENGTHS * length / TYPICAL)
    return max(1, round(STRONGEST * count / (count + norm)))


def of_role(role: MessageRole) -> bytes:
    """The term of all messages of `role`. No word's term begins like this."""
    return b"\x01r" + role.value.encode()


def of_author(author_id: PydanticObjectId) -> bytes:
    """The term of all messages by an account."""
    return b"\x01a" + author_id.binary


def of_model(model: str) -> bytes:
    """The term of all messages by a model."""
    return b"\x01m" + sha256(model.encode("utf-8", "surrogatepass")).digest()[:12]


def of_week(moment: datetime) -> bytes:
    """The term of all messages of the week of `moment`; such terms are in the order of time."""
    return b"\x01w" + (BEFORE + int(moment.timestamp() // WEEK_SECONDS)).to_bytes(4, "big")


def _kinds(message: Mapping[str, Any]) -> list[bytes]:
    kinds = [of_role(MessageRole(message["role"])), of_week(message["created_at"])]
    if author_id := message.get("author_id"):
        kinds.append(of_author(author_id))
    if model := (message.get("metadata") or {}).get("llm_model"):
        kinds.append(of_model(model))
    return kinds
