"""JSON records of any size and depth, one at a time, in bounded memory."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import DecimalException
from sys import getsizeof
from typing import Any, Final, TypeAlias

import ijson  # type: ignore[import-untyped]

from models.transfer.records import Piece

MIB: Final = 1024 * 1024

RECORD_BYTES: Final = 128 * MIB
"""Memory that one record may take once it is parsed; a larger one is refused while it streams by."""

TOKEN_BYTES: Final = 32 * MIB
"""Longest single string in the file."""

MENDABLE_BYTES: Final = 16 * MIB
"""Up to this size a record that is no strict JSON is tried a second time, mended."""

BROKEN: Final = (ijson.JSONError, ValueError, DecimalException, SystemError)
"""What ijson raises: the last three at half surrogates, at exponents and at numbers past all sense."""

LOOSE: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|NaN|-?Infinity', re.DOTALL)
SURROGATES: Final = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u[dD][89a-fA-F]..|\\.|[^\\]++", re.DOTALL)

Reduce: TypeAlias = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that can't be parsed, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """A record's value. `repeated`: names that came twice among the reduced members; the first ones stand."""

    value: Any
    repeated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Members:
    """Make each member of the record's objects or lists at `paths` small once it is read, so that no more is held."""

    paths: frozenset[tuple[str, ...]]
    reduce: Reduce

    @property
    def deepest(self) -> int:
        """Length of the longest path."""
        return max(map(len, self.paths))


def parse(pieces: Iterable[Piece], members: Members | None = None) -> Iterator[Parsed | Unreadable | None]:
    """The records that `pieces` hold; None for a blank one."""
    record = _Record(members)
    for piece, ends in pieces:
        record.feed(piece)
        if ends:
            yield record.finish()
            record = _Record(members)


class _Record:
    """One record while its pieces come in."""

    def __init__(self, members: Members | None) -> None:
        self._members = members
        self._raw: list[bytes] | None = []
        self._size = self._silent = 0
        self._failure: Unreadable | None = None
        self._start()

    def _start(self) -> None:
        self._builder = _Builder(self._members)
        self._events: Any = ijson.sendable_list()
        self._parser: Any = ijson.basic_parse_coro(self._events)

    def feed(self, piece: bytes) -> None:
        """Parse what `piece` completes."""
        if not self._size:
            piece = piece.lstrip()
        self._size += len(piece)
        self._keep(piece)
        if piece and not self._failure:
            self._send(piece)

    def finish(self) -> Parsed | Unreadable | None:
        """The record, at its end."""
        if not self._size:
            return None
        if not self._failure:
            self._close()
        if self._failure and self._raw:
            self._again(b"".join(self._raw))
        return self._failure or Parsed(self._builder.value, tuple(self._builder.repeated))

    def _keep(self, piece: bytes) -> None:
        """Hold the text for a second try, as long as it is small."""
        if self._size > MENDABLE_BYTES:
            self._raw = None
        if self._raw is not None:
            self._raw.append(piece)

    def _send(self, piece: bytes) -> None:
        try:
            self._parser.send(piece)
        except BROKEN as error:
            self._fail(f"is not JSON: {_said(error)}")
            return
        self._silent = 0 if self._events else self._silent + len(piece)
        self._builder.add(self._events)
        self._events.clear()
        if self._builder.weight > RECORD_BYTES:
            self._give_up(f"takes more than {RECORD_BYTES // MIB} MiB")
        elif self._silent > TOKEN_BYTES:
            self._give_up(f"holds a single text of more than {TOKEN_BYTES // MIB} MiB")

    def _close(self) -> None:
        try:
            self._parser.close()
        except BROKEN as error:
            self._fail(f"is not JSON: {_said(error)}")
        else:
            self._builder.add(self._events)

    def _again(self, raw: bytes) -> None:
        """Try what Python writes and JSON doesn't know: NaN, Infinity, half surrogate pairs."""
        mended = LOOSE.sub(_mend, raw)
        if mended == raw:
            return
        self._raw = self._failure = None
        self._start()
        self._send(mended)
        if not self._failure:
            self._close()

    def _give_up(self, reason: str) -> None:
        """Refuse it for good."""
        self._raw = None
        self._fail(f"is too large: it {reason}")

    def _fail(self, reason: str) -> None:
        """Refuse it, and let go of what was built."""
        self._failure = Unreadable(reason)
        self._builder = _Builder(None)


def _said(error: BaseException) -> str:
    """The parser's complaint without the snippet of the text that it quotes: that is somebody's message."""
    if isinstance(error, SystemError | DecimalException):
        return "a number in it is past all sense"
    first = str(error).removeprefix("b'").replace("\\n", "\n").partition("\n")[0]
    return first.removeprefix("lexical error: ").removeprefix("parse error: ").rstrip(".")


def _mend(found: re.Match[bytes]) -> bytes:
    token = found[0]
    if not token.startswith(b'"'):
        return b"null"
    return SURROGATES.sub(_whole, token) if b"\\u" in token else token


def _whole(found: re.Match[bytes]) -> bytes:
    """Keep all but half a pair."""
    half = len(found[0]) == 6 and found[0][:3].lower() == b"\\ud"
    return b"\\ufffd" if half else found[0]


@dataclass(slots=True)
class _Builder:
    """Makes a value of parse events, without recursion. `weight` is about the memory that it takes, in bytes."""

    members: Members | None
    value: Any = None
    weight: int = 0
    repeated: list[str] = field(default_factory=list)
    _stack: list[Any] = field(default_factory=list)
    _names: list[Any] = field(default_factory=list)
    _reduced: Any = None
    """The container on the stack whose members are made small: one at a time, as no path leads through another."""
    _before: int = 0
    """Weight when its present member began."""

    def add(self, events: Iterable[tuple[str, Any]]) -> None:
        for event, value in events:
            if event == "map_key":
                self._names[-1] = value
                self.weight += 100
            elif event == "start_map":
                self._open({})
            elif event == "start_array":
                self._open([])
            elif event in {"end_map", "end_array"}:
                self._names.pop()
                self._close(self._stack.pop())
            else:
                self.weight += getsizeof(value)
                self._put(value)

    def _open(self, container: Any) -> None:
        self.weight += 64
        if self.members and len(self._names) <= self.members.deepest and tuple(self._names) in self.members.paths:
            self._reduced, self._before = container, self.weight
        self._stack.append(container)
        self._names.append(None)

    def _close(self, container: Any) -> None:
        if container is self._reduced:
            self._reduced = None
        self._put(container)

    def _put(self, value: Any) -> None:
        if not self._stack:
            self.value = value
            return
        into = self._stack[-1]
        if self.members and into is self._reduced:
            self._put_member(self.members, into, value)
        elif isinstance(into, list):
            into.append(value)
        else:
            into[self._names[-1]] = value

    def _put_member(self, members: Members, into: Any, value: Any) -> None:
        if isinstance(into, dict) and self._names[-1] in into:
            self.repeated.append(self._names[-1])
            self.weight = self._before
            return
        small = members.reduce(value)
        if isinstance(into, list):
            into.append(small)
        else:
            into[self._names[-1]] = small
        self._before += getattr(small, "weight", 1000)
        self.weight = self._before
