"""Reads lines of bounded length, with their numbers, and makes objects of them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

import orjson

from models.transfer.source import BOM
from models.tree.draft import TreeLimits

ESCAPED: Final = 6
"""Bytes of JSON that one byte of text may take: `\\u0000`."""
BESIDE: Final = 128 * 1024
"""Bytes of a line beside a content and its metadata: attributes, tags, names of files."""
STRUCTURE: Final = 256 * 1024
"""Bytes of a line outside of its texts, in which brackets and commas make much of little."""
_TEXT: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
SKIPPED: Final = 1024 * 1024


class LineError(ValueError):
    """What is wrong with a line, as the end of a sentence that begins with its place."""


@dataclass(frozen=True, slots=True)
class Line:
    """`data` with its line end, of which only the file's last may have none; None where it is too long."""

    number: int
    start: int
    stop: int
    data: bytes | None

    @property
    def whole(self) -> bool:
        """Whether the file goes on to its end."""
        return self.data is None or self.data.endswith(b"\n")


def longest(limits: TreeLimits) -> int:
    """Bytes of the longest line that may hold a message."""
    return ESCAPED * (limits.message_bytes + limits.metadata_bytes) + BESIDE


def lines(file: IO[bytes], most: int, start: int = 0, number: int = 0) -> Iterator[Line]:
    """The lines of `file` that begin at `start`, after line `number`."""
    file.seek(start)
    while data := file.readline(most + 1):
        number += 1
        stop = start + len(data)
        if len(data) > most and not data.endswith(b"\n"):
            data, stop = b"", stop + _skip(file)
            yield Line(number, start, stop, None)
        else:
            yield Line(number, start, stop, data.removeprefix(BOM) if start == 0 else data)
        start = stop


def _skip(file: IO[bytes]) -> int:
    """Read to the end of the line; how many bytes that were."""
    size = 0
    while piece := file.readline(SKIPPED):
        size += len(piece)
        if piece.endswith(b"\n"):
            break
    return size


def parsed(line: Line) -> dict[str, Any]:
    """The line's object, which has a `type`. Raises `LineError`."""
    if line.data is None:
        raise LineError("is too long")
    if not line.whole:
        raise LineError("is cut short")
    if len(line.data) > STRUCTURE and len(_TEXT.sub(b"", line.data)) > STRUCTURE:
        raise LineError("holds too many values")
    try:
        found = orjson.loads(line.data)
    except orjson.JSONDecodeError as error:
        raise LineError(f"is not JSON: {error.msg}") from None
    if not isinstance(found, dict) or not isinstance(found.get("type"), str):
        raise LineError("is no object with a `type`")
    return found
