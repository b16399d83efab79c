"""The file that an export goes to: unseen until it is whole, and gone on with where it was cut short.

Until then it lies beside, under a name that says whose conversations and which format it has. After an interruption it
is read through to its last whole conversation; what follows that is cut off, and those that are in it are not asked
for again. Only its owner may read it.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Self

from beanie import PydanticObjectId

from models.transfer.errors import UnwritableFileError
from models.transfer.exporting import Tally, Writing

CHUNK: Final = 1024 * 1024
HEAD: Final = 512
"""How much of a line it takes to know whether it ends a conversation."""


@dataclass(slots=True)
class ExportFile:
    """`known` conversations are in it already, counted in `tally`. Use it in a `with` block."""

    path: Path
    part: Path
    file: IO[bytes]
    tally: Tally = field(default_factory=Tally)
    known: set[PydanticObjectId] = field(default_factory=set)

    @classmethod
    def open(cls, path: Path, of: PydanticObjectId | None, format_name: str, writing: Writing) -> Self:
        """Begin it, or go on with it. Raises `UnwritableFileError`."""
        if path.exists() or path.is_symlink():
            raise UnwritableFileError(str(path), "is there already: name another file, or move it away")
        part = path.with_name(f".{path.name}.{of or 'all'}.{format_name}.part")
        try:
            opened = cls(path, part, _locked(part))
        except OSError as error:
            raise UnwritableFileError(str(part), f"can't be written: {error.strerror}") from error
        opened._go_on(of, writing)
        return opened

    def put(self, data: bytes) -> None:
        """Add to it."""
        self.file.write(data)

    def finish(self) -> None:
        """It is whole: give it its name. Raises `UnwritableFileError`."""
        self.file.flush()
        os.fsync(self.file.fileno())
        try:
            os.link(self.part, self.path)  # unlike a renaming, it replaces nothing
        except FileExistsError:
            raise UnwritableFileError(str(self.path), f"came meanwhile: the export is in `{self.part}`") from None
        except OSError:  # no file system for links
            self.part.rename(self.path)
        else:
            self.part.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def _go_on(self, of: PydanticObjectId | None, writing: Writing) -> None:
        end = 0
        for stop, head in _lines(self.file):
            if whole := writing.whole(head):
                end = stop
                self.known.add(PydanticObjectId(str(whole["id"])))
                self.tally.conversations += 1
                messages = whole.get("messages", 0)
                self.tally.messages += messages if isinstance(messages, int) else 0
        self.file.seek(end)
        self.file.truncate()
        if end == 0:
            self.put(writing.first(of))


def _locked(part: Path) -> IO[bytes]:
    """Open it for one process, if it is a plain file of ours."""
    file = os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "r+b")
    try:
        _require_ours(file, part)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.fchmod(file.fileno(), 0o600)
    except BlockingIOError:
        file.close()
        raise UnwritableFileError(str(part), "is being written by another export") from None
    except BaseException:
        file.close()
        raise
    return file


def _require_ours(file: IO[bytes], part: Path) -> None:
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1 or found.st_uid != os.geteuid():
        raise UnwritableFileError(str(part), "is not a file that an export of yours has left: move it away")


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Where each whole line ends, and how it begins."""
    position, head = 0, b""
    while chunk := file.read(CHUNK):
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            position += len(piece) + 1
            yield position, (head + piece[:HEAD])[:HEAD]
            head = b""
        position += len(rest)
        head = (head + rest[:HEAD])[:HEAD]
