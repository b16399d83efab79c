"""The lines of Parley's own format, version 1: UTF-8, a JSON object and a line feed a line.

    {"type": "export", "format": "parley", "version": 1, "of": "all" or an owner's id, "at": time}
    {"type": "conversation", "id", "owner", "title", "tags", "attributes", "archived", "startedAt", "updatedAt",
        "chosenBranch", "rootForks"}
    {"type": "branch", "id": "main", "createdAt"}
    {"type": "message", "role", "content", "createdAt", "author", "status", "metadata", "editedFrom", "attachments",
        "deletedAt", "forks"}
    {"type": "branch", "id": 16 hexadecimal digits, "after": "main.7", "sibling": 1, "createdAt"}
    …
    {"type": "end", "id", "branches", "messages", "sha256"}
    …
    {"type": "done", "conversations", "messages"}

A branch's messages follow its line, in order: the first one lies one deeper than the message that it comes `after`,
or at depth 0 where that is null. `main` comes first; each branch after the one that it leaves. `sibling` numbers the
branches that leave after one message from 1 on, without gaps (0 is what its own branch goes on with, if it does), and
the message's `forks` is how many there are; `rootForks` are the alternatives to the first message. An address is a
branch and a depth, `main.7`. What is null, empty or false may be left out, and is.

`author` is `owner`, or the id of somebody else, whose name, if whoever exports may know it, is in an earlier line
{"type": "author", "id", "name"}. A branch with `"vanished": true` was purged while it was exported. `sha256` is of all
bytes of the conversation's lines before its `end`. A file without `done` was cut short.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

VERSION: Final = 1
OWNER: Final = "owner"
NAMES: Final[Mapping[str, str]] = {
    "model": "llm_model",
    "tokensUsed": "tokens_used",
    "tokensIn": "tokens_in",
    "tokensOut": "tokens_out",
    "latencyMs": "latency_ms",
    "finishReason": "finish_reason",
    "extra": "extra",
}
"""Metadata's fields, as the format and as Parley call them."""


def line(kind: str, fields: Mapping[str, Any]) -> bytes:
    """One line; what says nothing is left out."""
    said = {name: value for name, value in fields.items() if not _silent(value)}
    return orjson.dumps({"type": kind, **said}, default=str, option=orjson.OPT_APPEND_NEWLINE)


def _silent(value: object) -> bool:
    return value is None or value is False or (isinstance(value, str | list | dict) and not value)


def time(moment: datetime) -> str:
    """RFC 3339, in UTC, to the millisecond."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def metadata(stored: Mapping[str, Any] | None) -> dict[str, Any]:
    """A message's metadata, as the format calls them."""
    return {name: stored[field] for name, field in NAMES.items() if field in stored} if stored else {}
