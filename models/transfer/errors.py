"""What can be wrong with a file to import, or to export to.

TransferError                the file as a whole: nothing of it can be imported
├── HaltedError              somebody asked to stop
├── UnknownFormatError       no reader of that name
├── UnreadableFileError      not there, not a file, empty, packed, or not in that format
└── UnwritableFileError      there already, or nothing can be written there

A `Refusal` is no error: one record was left out, the rest arrived.
"""

from dataclasses import dataclass
from typing import Final

SHOWN: Final = 400
"""Characters that a refusal says of a place, and of a reason."""


class TransferError(Exception):
    """Base of them all."""


class HaltedError(TransferError):
    """Reading ends here, as somebody asked to stop."""


@dataclass
class UnknownFormatError(TransferError):
    """No reader is called `name`."""

    name: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        return f"unknown format `{self.name}`, known are {', '.join(self.known)}"


@dataclass
class UnreadableFileError(TransferError):
    """`path` can't be imported at all."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"`{self.path}` {self.reason}"


@dataclass
class UnwritableFileError(TransferError):
    """Nothing can be exported to `path`."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"`{self.path}` {self.reason}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that was not imported as it stands: file and line, or conversation and node, and why."""

    where: str
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "where", shown(self.where))
        object.__setattr__(self, "reason", shown(self.reason))

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


def shown(text: str) -> str:
    """`text` as a terminal and a log may have it: ids come from files of strangers."""
    cut = text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
    return cut if cut.isprintable() else "".join(each if each.isprintable() else "\ufffd" for each in cut)
