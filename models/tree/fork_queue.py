"""Branches that wait to be walked: a queue in a file, since a tree may have a million of them."""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Any, Final, Self

from models.tree.address import MAIN, Address

ENTRY: Final = struct.Struct(">8s?8sIIq")
IN_MEMORY: Final = 1024 * 1024
"""Bytes of the queue that are kept out of the file system; 30,000 branches."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Fork:
    """A branch: the message after which it begins (None: it begins with a first message), and which sibling it is."""

    branch: str
    after: Address | None
    start: int
    ordinal: int
    created_at: datetime

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """Read the stored form."""
        depth, parent = record["fork_depth"], record["parent_branch"]
        after = None if parent is None else Address(parent, depth - 1)
        return cls(record["branch"], after, depth, record["ordinal"], record["created_at"])

    def numbered(self, ordinal: int) -> Self:
        """The same as another sibling."""
        return replace(self, ordinal=ordinal)


class ForkQueue:
    """First in, first out. Use it in a `with` block, which throws it away."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed by `__exit__`
        self._read = 0

    def push(self, forks: Iterable[Fork]) -> None:
        """Add them."""
        self._file.seek(0, 2)
        for fork in forks:
            self._file.write(_packed(fork))

    def pop(self, most: int) -> list[Fork]:
        """The first ones, up to so many."""
        self._file.seek(self._read)
        data = self._file.read(most * ENTRY.size)
        self._read += len(data)
        return [_unpacked(*fields) for fields in ENTRY.iter_unpack(data)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _packed(fork: Fork) -> bytes:
    parent = fork.after.branch if fork.after else MAIN
    since = (fork.created_at - _EPOCH) // timedelta(milliseconds=1)
    return ENTRY.pack(_key(fork.branch), fork.after is not None, _key(parent), fork.start, fork.ordinal, since)


def _unpacked(branch: bytes, below: bool, parent: bytes, start: int, ordinal: int, since: int) -> Fork:
    after = Address(_name(parent), start - 1) if below else None
    return Fork(_name(branch), after, start, ordinal, _EPOCH + timedelta(milliseconds=since))


def _key(branch: str) -> bytes:
    return bytes(8) if branch == MAIN else bytes.fromhex(branch)


def _name(key: bytes) -> str:
    return key.hex() if any(key) else MAIN
