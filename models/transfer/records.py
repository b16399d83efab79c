"""Cuts a file into records without parsing it, so that a broken record ends at its own end.

A record comes in pieces, `(bytes, ends)`: it may be larger than memory, and whoever takes the pieces decides
when it is too large.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final, TypeAlias

Piece: TypeAlias = tuple[bytes, bool]

REST_OF_TEXT: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+"'
IN_TEXT: Final = re.compile(REST_OF_TEXT, re.DOTALL)
WHOLE_TEXT: Final = rb'"' + REST_OF_TEXT
OUTSIDE: Final = re.compile(rb'(?:[^"\[\]{}]++|' + WHOLE_TEXT + rb')*+(["\[\]{}]|\Z)', re.DOTALL)
"""Up to the next bracket or to a quote whose string goes on in the next chunk."""

BETWEEN: Final = re.compile(rb'(?:[^"\[\]{},]++|' + WHOLE_TEXT + rb')*+(["\[\]{},]|\Z)', re.DOTALL)
"""The same among the list's own elements, where a comma counts too."""

DEEPER: Final = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}


class NotAListError(ValueError):
    """The text doesn't begin with `[`."""


class CutShortError(ValueError):
    """The text ends before the list does."""


class TrailingTextError(ValueError):
    """The text goes on after the list has ended."""


def lines(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """The lines of a text, blank ones included."""
    pending = False
    for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            yield line, True
        if rest:
            yield rest, False
        pending = bool(rest)
    if pending:
        yield b"", True


def elements(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """The elements of a JSON list, blank ones included. Raises `ValueError`s of this module at what is no list."""
    cutter = _Cutter()
    for chunk in chunks:
        yield from cutter.cut(chunk)
    cutter.end()


def elements_or_one(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """The elements of a JSON list; what begins with `{` is a single record."""
    rest = iter(chunks)
    for chunk in rest:
        begun = chunk.lstrip()
        if begun[:1] == b"{":
            yield from ((piece, False) for piece in chain([begun], rest))
            yield b"", True
            return
        if begun:
            yield from elements(chain([begun], rest))
            return
    raise NotAListError


class _Cutter:
    """Where in the list the last chunk ended. `depth` counts brackets; the list's own elements lie at 1."""

    def __init__(self) -> None:
        self.depth = 0
        self.in_text = False
        self.over = False
        self.carried = b""
        """A backslash at the end of a chunk belongs to the next one."""

    def cut(self, chunk: bytes) -> Iterator[Piece]:
        chunk = self.carried + chunk
        odd = (len(chunk) - len(chunk.rstrip(b"\\"))) % 2
        self.carried = chunk[len(chunk) - odd :]
        chunk = chunk[: len(chunk) - odd]
        start = position = self._begin(chunk)
        while position < len(chunk):
            position, ended = self._step(chunk, position)
            if ended:
                yield chunk[start : position - 1], True
                start = position
            if self.over:
                self._nothing_after(chunk[position:])
                return
        if start < len(chunk):
            yield chunk[start:], False

    def end(self) -> None:
        """Raise unless the list was whole."""
        if not self.over:
            raise CutShortError if self.depth else NotAListError

    def _begin(self, chunk: bytes) -> int:
        """Where the elements start: past the opening bracket of the list."""
        if self.over:
            self._nothing_after(chunk)
            return len(chunk)
        if self.depth:
            return 0
        blank = len(chunk) - len(chunk.lstrip())
        if blank == len(chunk):
            return blank
        if chunk[blank : blank + 1] != b"[":
            raise NotAListError
        self.depth = 1
        return blank + 1

    def _step(self, chunk: bytes, position: int) -> tuple[int, bool]:
        """Go past the next mark; whether it ended an element."""
        if self.in_text:
            found = IN_TEXT.match(chunk, position)
            self.in_text = found is None
            return (found.end() if found else len(chunk)), False
        found = (BETWEEN if self.depth == 1 else OUTSIDE).match(chunk, position)
        if found is None:  # never: both match the rest of a chunk without any mark
            return len(chunk), False
        self.depth += DEEPER.get(found[1], 0)
        self.in_text = found[1] == b'"'
        self.over = self.depth == 0
        return found.end(), found[1] == b"," or self.over

    @staticmethod
    def _nothing_after(rest: bytes) -> None:
        if rest.strip():
            raise TrailingTextError
