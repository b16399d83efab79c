"""Which frames are messages of `graphql-transport-ws`: those that its reference server takes."""

from collections.abc import Mapping
from typing import Any, Final

LONGEST_ID: Final = 256
"""Characters of an operation's id: each of its messages carries it."""


def flaw(frame: object) -> str | None:
    """Why `frame` is no message that a client may send; None for one that is."""
    if not isinstance(frame, dict):
        return "a message is an object"
    match frame.get("type"):
        case "connection_init" | "ping" | "pong":
            return _flaw_of_optional(frame, "payload", dict)
        case "subscribe":
            return _flaw_of_id(frame) or _flaw_of_request(frame.get("payload"))
        case "complete":
            return _flaw_of_id(frame)
    return "unknown type of message"


def _flaw_of_id(frame: Mapping[str, Any]) -> str | None:
    given = frame.get("id")
    if isinstance(given, str) and 0 < len(given) <= LONGEST_ID:
        return None
    return f"`id` is a string of 1 to {LONGEST_ID} characters"


def _flaw_of_request(payload: object) -> str | None:
    if not isinstance(payload, dict):
        return "`payload` is an object"
    if not isinstance(payload.get("query", "" if _names(payload) else None), str):
        return "`query` is a string"
    return (
        _flaw_of_optional(payload, "operationName", str)
        or _flaw_of_optional(payload, "variables", dict)
        or _flaw_of_optional(payload, "extensions", dict)
    )


def _names(payload: Mapping[str, Any]) -> bool:
    """Whether a document is named, which need not be sent then."""
    extensions = payload.get("extensions")
    return "documentId" in payload or (isinstance(extensions, dict) and "persistedQuery" in extensions)


def _flaw_of_optional(within: Mapping[str, Any], name: str, kind: type) -> str | None:
    given = within.get(name)
    if given is None or isinstance(given, kind):
        return None
    return f"`{name}` is {'an object' if kind is dict else 'a string'}, if it is there"
