"""Opens the file to import and hands its bytes over in chunks: a plain file, or an export still in its zip."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final, Self

from models.clock import stored
from models.transfer.errors import HaltedError, UnreadableFileError

CHUNK: Final = 256 * 1024
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
    parts: list[tuple[str, IO[bytes]]]
    read: int = 0
    halted: bool = False
    _opened: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def open(cls, path: Path, zipped: re.Pattern[str] | None = None) -> Self:
        """Open `path`, or the members of it that `zipped` matches; raise `UnreadableFileError`."""
        try:
            file = path.open("rb")
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
            return cls(path, status.st_size, written_at, [(path.name, file)])
        if zipped is None:
            raise UnreadableFileError(str(path), "is a zip archive: unpack it first")
        members = _members(path, file, zipped, opened)
        parts = [(f"{path.name}/{info.filename}", archive.open(info)) for archive, info in members]
        return cls(path, sum(info.file_size for _, info in members), written_at, parts)

    def chunks(self, part: IO[bytes]) -> Iterator[bytes]:
        """The bytes of one part, without the byte order mark that some editors put first."""
        try:
            first = self._next(part)
            yield first.removeprefix(BOM)
            while chunk := self._next(part):
                yield chunk
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
            raise UnreadableFileError(str(self.path), f"can't be read to its end: {error}") from error

    def _next(self, part: IO[bytes]) -> bytes:
        if self.halted:
            raise HaltedError
        chunk = part.read(CHUNK)
        self.read += len(chunk)
        return chunk

    def close(self) -> None:
        """Close the file."""
        self._opened.close()


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
