"""Reads a file through, and finds the conversations in it that are whole and sound, before anything is stored."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b, sha256
from typing import IO, Any, Final

from beanie import PydanticObjectId

from models.transfer.errors import Refusal, UnreadableFileError
from models.transfer.parley.lines import VERSION
from models.transfer.parley.reading import Line, LineError, lines, longest, parsed
from models.transfer.parley.shape import Branch, Head, Said, branch, head, message
from models.tree.address import MAIN, Address
from models.tree.draft import TreeLimits

STEP: Final = 2_000
"""Lines after which it is told how far the reading is."""
AUTHORS: Final = 1_000
"""Names of others that are remembered of one conversation."""
ROOT: Final = Address(MAIN, -1)


@dataclass(frozen=True, slots=True)
class Found:
    """A sound conversation: bytes `start` to `stop` of the file, which begin on line `number`."""

    start: int
    stop: int
    number: int
    head: Head
    messages: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """So far is the reading."""

    position: int


@dataclass(slots=True)
class Reading:
    """A conversation's lines, as they come. Raises `LineError`s."""

    owner_id: PydanticObjectId
    limits: TreeLimits
    names: dict[str, str] = field(default_factory=dict)
    digest: Any = field(default_factory=sha256)

    def take(self, line: Line, fields: dict[str, Any]) -> Branch | Said | None:
        """What the line says; None for a name."""
        self.digest.update(line.data or b"")
        match fields["type"]:
            case "branch":
                return branch(fields)
            case "message":
                return message(fields, self.owner_id, self.names, self.limits)
            case "author":
                self._name(fields)
                return None
            case other:
                raise LineError(f"has the unknown type `{other[:40]}`")

    def _name(self, fields: dict[str, Any]) -> None:
        id_, name = fields.get("id"), fields.get("name")
        if isinstance(id_, str) and isinstance(name, str) and len(self.names) < AUTHORS:
            self.names[id_[:200]] = name[:200]


class _Forks:
    """Whether the branches that came are those that messages announced, each once, in memory of one number.

    A message with n forks adds h(0) - h(n), its fork number k adds h(k) - h(k - 1): together nothing. The key is
    secret, so that nobody can choose others that add up.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._sum = 0

    def announce(self, after: Address, number: int) -> None:
        self._add(after, 0, 1)
        self._add(after, number, -1)

    def meet(self, after: Address, number: int) -> None:
        self._add(after, number, 1)
        self._add(after, number - 1, -1)

    def __bool__(self) -> bool:
        return self._sum == 0

    def _add(self, after: Address, number: int, sign: int) -> None:
        digest = blake2b(f"{after} {number}".encode(), key=self._key, digest_size=32).digest()
        self._sum = (self._sum + sign * int.from_bytes(digest, "big")) % (1 << 256)


class _Check:
    """One conversation while it is read."""

    def __init__(self, line: Line, fields: dict[str, Any], owner_id: PydanticObjectId, limits: TreeLimits) -> None:
        self.line = line
        self.head = head(fields)
        self._reading = Reading(owner_id, limits)
        self._reading.digest.update(line.data or b"")
        self._forks = _Forks()
        self._forks.announce(ROOT, self.head.root_forks)
        self._at: Address | None = None
        self._own = self._branches = self._messages = 0
        self._vanished = False

    def take(self, line: Line, fields: dict[str, Any]) -> None:
        """Raises `LineError`."""
        found = self._reading.take(line, fields)
        if isinstance(found, Branch):
            self._branch(found)
        elif isinstance(found, Said):
            self._message(found)

    def end(self, line: Line, fields: dict[str, Any]) -> Found:
        """Raises `LineError`."""
        self._end_branch()
        said = (fields.get("branches"), fields.get("messages"))
        if said != (self._branches, self._messages):
            raise LineError(f"counts other branches and messages than the {self._branches} and {self._messages} there")
        if fields.get("sha256") != self._reading.digest.hexdigest():
            raise LineError("has the checksum of another text: something was changed, or is missing")
        if not self._forks:
            raise LineError("ends a conversation whose branches are not those that its messages announce")
        digest = self._reading.digest.digest()
        return Found(self.line.start, line.stop, self.line.number, self.head, self._messages, digest)

    def _branch(self, found: Branch) -> None:
        self._end_branch()
        fork = found.fork
        if (fork.branch == MAIN) != (self._branches == 0):
            raise LineError("`main` must be the first branch, and no other")
        if fork.branch != MAIN:
            self._forks.meet(fork.after or ROOT, fork.ordinal)
        self._branches += 1
        self._at, self._own, self._vanished = Address(fork.branch, fork.start), 0, found.vanished

    def _message(self, found: Said) -> None:
        if self._at is None or self._vanished:
            raise LineError("is a message of no branch")
        if found.forks:
            self._forks.announce(self._at, found.forks)
        self._at = self._at.next
        self._own += 1
        self._messages += 1

    def _end_branch(self) -> None:
        if self._at and not self._own and self._at.branch != MAIN and not self._vanished:
            raise LineError("comes after a branch without messages")


def conversations(
    file: IO[bytes], name: str, owner_id: PydanticObjectId, limits: TreeLimits
) -> Iterator[Found | Refusal | Place]:
    """What is in the file, in its order. Raises `UnreadableFileError` for what is no such file."""
    found = lines(file, longest(limits))
    _require_first(next(found, None), name)
    content = _Content(name, owner_id, limits)
    for line in found:
        if line.number % STEP == 0:
            yield Place(line.start)
        yield from content.take(line)
    yield from content.end()


class _Content:
    """What comes after the first line. What is wrong with a line takes its conversation with it, and no other."""

    def __init__(self, name: str, owner_id: PydanticObjectId, limits: TreeLimits) -> None:
        self._name = name
        self._owner_id = owner_id
        self._limits = limits
        self._check: _Check | None = None
        self._done = False

    def take(self, line: Line) -> Iterator[Found | Refusal]:
        begun = self._check
        if begun is None and line.data is not None and not line.data.strip():
            return
        try:
            fields = parsed(line)
            if fields["type"] in {"conversation", "done"}:
                yield from self._cut_short(f"its lines stop before line {line.number}")
                begun = None
            if found := self._taken(line, fields):
                yield found
        except LineError as error:
            self._check = None
            lost = f", in the conversation of line {begun.line.number}, which is left out" if begun else ""
            yield Refusal(f"{_where(self._name, line)}{lost}", str(error))

    def end(self) -> Iterator[Refusal]:
        yield from self._cut_short("the file was cut short")
        if not self._done:
            yield Refusal(self._name, "has no last line `done`: conversations may be missing")

    def _taken(self, line: Line, fields: dict[str, Any]) -> Found | None:
        check = self._check
        match fields["type"]:
            case "conversation":
                self._check = _Check(line, fields, self._owner_id, self._limits)
            case "end":
                self._check = None
                return check.end(line, fields) if check else None
            case "done":
                self._done = True
            case _ if check:
                check.take(line, fields)
        return None

    def _cut_short(self, how: str) -> Iterator[Refusal]:
        check, self._check = self._check, None
        if check:
            yield Refusal(_where(self._name, check.line), f"this conversation has no end: {how}")


def _require_first(line: Line | None, name: str) -> None:
    try:
        fields = parsed(line) if line else {}
    except LineError:
        fields = {}
    if fields.get("type") != "export" or fields.get("format") != "parley":
        raise UnreadableFileError(name, "is not in format `parley`: its first line doesn't say so")
    if fields.get("version") != VERSION:
        raise UnreadableFileError(name, f"is of another version than {VERSION} of the format: take a newer Parley")


def _where(name: str, line: Line) -> str:
    return f"{name}, line {line.number}"
