"""What marks a bucket in which a message grows: terms of updates that are pipelines."""

from collections.abc import Mapping
from typing import Any, Final

from models.bucket import MessageStatus
from models.clock import now
from models.database import Record

STREAMING: Final = MessageStatus.STREAMING.value
GROWING: Final[Record] = {"$eq": ["$$m.status", STREAMING]}
"""Of a message `$$m`."""


def grows(message: Mapping[str, Any]) -> bool:
    """Whether the message isn't whole yet."""
    return bool(message.get("status") == STREAMING)


def having(condition: Record) -> Record:
    """The bucket's messages `$$m` that meet `condition`."""
    return {"$filter": {"input": "$messages", "as": "m", "cond": condition}}


def mark() -> Record:
    """The value of `growing`: now, or nothing where no message grows."""
    return {"$cond": [{"$gt": [{"$size": having(GROWING)}, 0]}, now(), "$$REMOVE"]}
