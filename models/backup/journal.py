"""The journal on disk: frames of packed changes, each with a digest that also covers the frame before it."""

import os
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from struct import Struct
from typing import Any, Final, NamedTuple

import bson

from models.backup.catalog import JOURNAL, Journal, JournalFile
from models.backup.changes import Change, Kind
from models.backup.errors import DamagedError
from models.backup.files import settle, write_form
from models.database import Record

HEAD: Final = Struct(">II32s")
"""Of a frame: bytes that follow, changes in them, digest."""
FRAME_BYTES: Final = 1024 * 1024
"""Of changes in a frame, about."""
FILE_BYTES: Final = 64 * 1024 * 1024
"""A file that has grown so long is followed by another."""
_START: Final = bytes(32)


class Frame(NamedTuple):
    """So many changes, packed."""

    packed: bytes
    number: int
    digest: bytes


class JournalWriter:
    """Appends to the journal in `path`, behind what `journal` tells of; what a killed writer left there is cut off."""

    def __init__(self, path: Path, journal: Journal | None = None) -> None:
        self._path: Final = path
        self._files = list(journal.files) if journal else []
        self._digest = bytes.fromhex(self._files[-1].digest) if self._files else _START
        self.entries = journal.entries if journal else 0
        self.last = milliseconds(journal.reached) if journal else 0
        """The time of the last change, in ms."""
        self.indexes = journal.indexes if journal else ""
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._tidy()

    def append(self, change: Change) -> None:
        """It is on disk after the next `commit`."""
        self._waiting.append(change.encoded())
        self._bytes += len(self._waiting[-1])
        self.entries += 1
        self.last = change.at
        if self._bytes >= FRAME_BYTES:
            self._write_frame()

    def note(self, indexes: dict[str, Any]) -> None:
        """These are the indexes after the last change, if they are not the same as before."""
        change = Change(self.last, Kind.INDEXES, content=indexes)
        digest = sha256(bson.encode(indexes)).hexdigest()
        if digest != self.indexes:
            self.indexes = digest
            self.append(change)

    def commit(self, token: Record, reached: int, ended: str | None = None) -> Journal:
        """All that was appended is on disk, and counts, when this returns."""
        if self._waiting:
            self._write_frame()
        self.last = reached
        at = datetime.fromtimestamp(reached / 1000, UTC)
        position = bson.encode(token).hex()
        journal = Journal(
            token=position,
            reached=at,
            entries=self.entries,
            files=list(self._files),
            indexes=self.indexes,
            ended=ended,
        )
        write_form(self._path / JOURNAL, journal)
        return journal

    def _write_frame(self) -> None:
        packed = zlib.compress(b"".join(self._waiting), 1)
        self._digest = sha256(self._digest + packed).digest()
        frame = HEAD.pack(len(packed), len(self._waiting), self._digest) + packed
        self._waiting, self._bytes = [], 0
        if not self._files or self._files[-1].size >= FILE_BYTES:
            self._files.append(JournalFile(file=f"journal-{len(self._files) + 1:06}", size=0, digest=""))
        file = self._files[-1]
        descriptor = os.open(self._path / file.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as out:
            out.write(frame)
            out.flush()
            os.fsync(out.fileno())
        settle(self._path)
        self._files[-1] = JournalFile(file=file.file, size=file.size + len(frame), digest=self._digest.hex())

    def _tidy(self) -> None:
        known = {each.file: each.size for each in self._files}
        for path in self._path.glob("journal-*"):
            if path.name not in known:
                path.unlink()
        for name, size in known.items():
            path = self._path / name
            if not path.exists() or path.stat().st_size < size:
                raise DamagedError(path, "is missing, or ends too early")
            os.truncate(path, size)


def changes(path: Path, journal: Journal) -> Iterator[Change]:
    """All of them, in order; a frame in memory at a time. Raise `DamagedError`."""
    digest = _START
    for each in journal.files:
        for frame in _frames(path / each.file, each.size, digest):
            digest = frame.digest
            yield from _unpacked(path / each.file, frame)
        if digest.hex() != each.digest:
            raise DamagedError(path / each.file, "is not the one that was written")


def _frames(file: Path, size: int, digest: bytes) -> Iterator[Frame]:
    if not file.exists():
        raise DamagedError(file, "is missing")
    with file.open("rb") as data:
        left = size
        while left > 0:
            head = data.read(HEAD.size)
            if len(head) < HEAD.size:
                raise DamagedError(file, "ends too early")
            length, count, stated = HEAD.unpack(head)
            packed = data.read(min(length, left))
            if len(packed) < length:
                raise DamagedError(file, "ends too early")
            digest = sha256(digest + packed).digest()
            if digest != stated:
                raise DamagedError(file, f"is damaged at byte {size - left}")
            yield Frame(packed, count, digest)
            left -= HEAD.size + length


def _unpacked(file: Path, frame: Frame) -> Iterator[Change]:
    documents = list(split(zlib.decompress(frame.packed)))
    if len(documents) != frame.number:
        raise DamagedError(file, "is damaged")
    yield from map(Change.decoded, documents)


def split(data: bytes) -> Iterator[bytes]:
    """BSON documents that stand one after the other."""
    start = 0
    while start < len(data):
        stop = start + int.from_bytes(data[start : start + 4], "little")
        if stop <= start + 4 or stop > len(data):
            raise ValueError("not BSON")
        yield data[start:stop]
        start = stop


def milliseconds(at: datetime) -> int:
    """Since 1970."""
    return round(at.timestamp() * 1000)
