"""What a resolver refuses.

ResolverError
├── BadInputError   an argument that can't be meant
├── NotFoundError   nothing there, or nothing that the caller may know of
├── ConflictError   somebody changed it meanwhile
│   └── OffsetError what is streamed belongs elsewhere in its message
└── TooFastError    more than may come in a while
"""

from dataclasses import dataclass


class ResolverError(Exception):
    """Base of them all."""


@dataclass
class BadInputError(ResolverError):
    """`field` as the client calls it; `reason` ends a sentence that begins with it."""

    field: str
    reason: str

    def __str__(self) -> str:
        return f"`{self.field}` {self.reason}"


@dataclass
class NotFoundError(ResolverError):
    """`kind` as the schema calls it."""

    kind: str

    def __str__(self) -> str:
        return f"no such {self.kind}"


@dataclass
class ConflictError(ResolverError):
    """`reason` is a whole sentence."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass
class OffsetError(ConflictError):
    """Go on at `offset`, in bytes."""

    offset: int

    def __str__(self) -> str:
        return self.reason


@dataclass
class TooFastError(ResolverError):
    """Come back after so many seconds."""

    reason: str
    retry_after: int

    def __str__(self) -> str:
        return self.reason
