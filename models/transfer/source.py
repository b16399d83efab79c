"""Opens the file to import and hands its bytes over in chunks: a plain file, or an export still in its zip."""

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Final, Self, TypeAlias

from models.clock import stored
from models.transfer.errors import HaltedError, UnreadableFileError

Part: TypeAlias = Callable[[], IO[bytes]]
"""Opens one of the texts."""
CHUNK: Final = 256 * 1024
DIRECTORY: Final = 4 * 1024 * 1024
"""Bytes of the longest list of members of a zip archive; each member of 50 takes a kilobyte of memory."""
UNPACKED: Final = 200
"""So many times its size an archive may unpack to; texts come to ten times, bombs to a thousand and more."""
BOM: Final = b"\xef\xbb\xbf"
FOREIGN: Final = {
    b"\x1f\x8b": "is compressed with gzip: unpack it first",
    b"BZh": "is compressed with bzip2: unpack it first",
    b"\xfd7zXZ": "is compressed with xz: unpack it first",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd: unpack it first",
    b"\xff\xfe": "is UTF-16 text: save it as UTF-8",
    b"\xfe\xff": "is UTF-16 text: save it as UTF-8",
}


@dataclass(slots=True)
class Source:
    """An open file. `read` of `size` bytes went through `chunks` so far; `parts` are the texts that it holds.

    Once it is `halted`, whoever reads it gets `HaltedError`.
    """

    path: Path
    size: int
    written_at: datetime
    parts: list[tuple[str, Part]]
    read: int = 0
    halted: bool = False
    _opened: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def open(cls, path: Path, zipped: re.Pattern[str] | None = None) -> Self:
        """Open `path`, or the members of it that `zipped` matches; raise `UnreadableFileError`."""
        try:
            file = _Packed(io.FileIO(path))
        except OSError as error:
            raise UnreadableFileError(str(path), _why(error)) from error
        with ExitStack() as opened:
            opened.enter_context(file)
            source = cls._of(path, file, zipped, opened)
            source._opened = opened.pop_all()
            return source

    @classmethod
    def _of(cls, path: Path, file: IO[bytes], zipped: re.Pattern[str] | None, opened: ExitStack) -> Self:
        status = path.stat()
        written_at = stored(datetime.fromtimestamp(status.st_mtime, UTC))
        if not status.st_size:
            raise UnreadableFileError(str(path), "is empty")
        head = file.read(8)
        file.seek(0)
        for magic, reason in FOREIGN.items():
            if head.startswith(magic):
                raise UnreadableFileError(str(path), reason)
        if not head.startswith(b"PK\x03\x04"):
            return cls(path, status.st_size, written_at, [(path.name, lambda: file)])
        if zipped is None:
            raise UnreadableFileError(str(path), "is a zip archive: unpack it first")
        members = _members(path, file, zipped, opened)
        size = sum(info.file_size for _, info in members)
        if size > UNPACKED * status.st_size:
            raise UnreadableFileError(str(path), f"unpacks to more than {UNPACKED} times its size")
        parts: list[tuple[str, Part]] = [
            (f"{path.name}/{info.filename}", partial(archive.open, info)) for archive, info in members
        ]
        return cls(path, size, written_at, parts)

    def chunks(self, part: Part) -> Iterator[bytes]:
        """The bytes of one part, without the byte order mark that some editors put first."""
        try:
            with part() as text:
                yield self._next(text).removeprefix(BOM)
                while chunk := self._next(text):
                    yield chunk
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
            raise UnreadableFileError(str(self.path), f"can't be read to its end: {error}") from error

    def _next(self, text: IO[bytes]) -> bytes:
        if self.halted:
            raise HaltedError
        chunk = text.read(CHUNK)
        self.read += len(chunk)
        return chunk

    def close(self) -> None:
        """Close the file."""
        self._opened.close()


class _Packed(io.BufferedReader):
    """A file of which a `ZipFile` reads the list of members at once, but no list that would fill the memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > DIRECTORY:
            raise UnreadableFileError(str(self.name), "is a zip archive of too many files")
        return super().read(size)


def _why(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, IsADirectoryError):
        return "is a directory: name the file in it"
    return f"can't be opened: {error.strerror}"


def _members(
    path: Path, file: IO[bytes], wanted: re.Pattern[str], opened: ExitStack
) -> list[tuple[zipfile.ZipFile, zipfile.ZipInfo]]:
    try:
        archive = opened.enter_context(zipfile.ZipFile(file))
    except zipfile.BadZipFile as error:
        raise UnreadableFileError(str(path), "is a damaged zip archive: download it again") from error
    found = sorted((info for info in archive.infolist() if wanted.search(info.filename)), key=lambda i: i.filename)
    if not found:
        raise UnreadableFileError(str(path), "holds no `conversations.json`")
    return [(archive, info) for info in found]
