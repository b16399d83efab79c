"""What can be wrong with a change of the message tree.

TreeError
├── MessageNotFoundError   no message at that address
├── BranchNotFoundError    no such branch in the conversation
├── InvalidContentError    content that can't be stored
│   └── TooLargeError      content or metadata over its cap
├── KeyReusedError         an idempotency key came again with another message
├── PurgedError            it was deleted too long ago to be restored
├── TooManyRemovalsError   too many removed subtrees wait in the conversation
├── UnsoundTreeError       what is to be planted is no tree
├── AnswerTooLargeError    one request reads too much
└── ContentionError        writers kept overtaking this one; try again
    └── UnderWayError      another text is being stored as the same conversation
"""

from dataclasses import dataclass


class TreeError(Exception):
    """Base of them all."""


@dataclass
class MessageNotFoundError(TreeError):
    """No message at `address`."""

    address: str

    def __str__(self) -> str:
        return "no such message"


@dataclass
class BranchNotFoundError(TreeError):
    """No branch `branch`."""

    branch: str

    def __str__(self) -> str:
        return "no such branch"


@dataclass
class InvalidContentError(TreeError):
    """`field` can't be stored; `reason` says why."""

    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field} {self.reason}"


@dataclass
class TooLargeError(InvalidContentError):
    """`size` bytes where `limit` are allowed."""

    size: int = 0
    limit: int = 0


class KeyReusedError(TreeError):
    """The key belongs to another message."""

    def __str__(self) -> str:
        return "the idempotency key was used for another message"


class PurgedError(TreeError):
    """What it held is gone."""

    def __str__(self) -> str:
        return "it was deleted too long ago, and is gone for good"


@dataclass
class TooManyRemovalsError(TreeError):
    """`limit` wait in the conversation, or were removed after one and the same message."""

    limit: int
    place: str = "in this conversation wait to be purged"

    def __str__(self) -> str:
        return f"{self.limit} removed subtrees {self.place}: delete single messages instead"


@dataclass
class UnsoundTreeError(TreeError):
    """Branches that don't make a tree."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass
class AnswerTooLargeError(TreeError):
    """One request reads, or is answered, more than `limit` bytes."""

    limit: int

    def __str__(self) -> str:
        return f"the answer, or the messages read for it, would exceed {self.limit:,} bytes: ask for less at once"


class ContentionError(TreeError):
    """Too many writers at one place."""

    def __str__(self) -> str:
        return "too many writers at this message, try again"


class UnderWayError(ContentionError):
    """Two texts at once would mix."""

    def __str__(self) -> str:
        return "another text is being stored as this conversation: try again in a minute"
