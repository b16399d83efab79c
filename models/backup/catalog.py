"""What a backup directory holds: generations, each a base and the journal of what changed after it."""

import re
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel

from models.backup.errors import DamagedError, NoBackupError, OutOfRangeError
from models.backup.files import locked, read_form, settle, write_form
from models.clock import now

BASE: Final = "base.json"
JOURNAL: Final = "journal.json"
UNFINISHED: Final = ".unfinished"
"""Ends the name of a generation whose base is being copied."""
NAME: Final = re.compile(r"\d{6}-\d{8}T\d{6}Z")
FORMAT: Final = 1


class Chunk(BaseModel):
    """A file of documents, in BSON one after the other, packed by zlib. Sizes in bytes."""

    file: str
    collection: str
    documents: int
    plain: int
    size: int
    sha256: str


class Base(BaseModel):
    """The copy of every collection: a state of the database only together with the journal up to `complete_at`."""

    format: int = FORMAT
    store: str
    """Which database it is of: one that was restored from it is another."""
    database: str
    began_at: datetime
    complete_at: datetime
    """From this moment on, each one can be restored."""
    chunks: list[Chunk]


class JournalFile(BaseModel):
    """A file of frames, up to `size` bytes; what stands behind that was cut short. `digest`: of its last frame."""

    file: str
    size: int
    digest: str


class Journal(BaseModel):
    """How far the journal goes. It is replaced when what it tells of is on disk."""

    token: str
    """Where the change stream goes on: BSON, in hexadecimal digits."""
    reached: datetime
    """All that changed until then is in it."""
    entries: int
    files: list[JournalFile]
    indexes: str
    """Digest of the indexes that were noted last."""
    ended: str | None = None
    """Why nothing can follow."""


@dataclass(frozen=True, slots=True)
class Generation:
    """A base with its journal, in a directory of their own. Read it anew after somebody may have changed it."""

    path: Path
    base: Base
    journal: Journal

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raise `DamagedError`."""
        base = read_form(path / BASE, Base)
        if base.format != FORMAT:
            raise DamagedError(path / BASE, "was written by another release")
        return cls(path, base, read_form(path / JOURNAL, Journal))

    @property
    def collections(self) -> list[str]:
        """Those with documents in the base."""
        return list(dict.fromkeys(chunk.collection for chunk in self.base.chunks))

    @property
    def range(self) -> tuple[datetime, datetime]:
        """The first and the last moment that can be restored."""
        return self.base.complete_at, self.journal.reached

    def reaches(self, at: datetime) -> bool:
        """Whether the database can be restored as it was at that moment."""
        first, last = self.range
        return first <= at <= last


def generations(directory: Path) -> list[Path]:
    """The finished ones, oldest first."""
    found = directory.iterdir() if directory.is_dir() else iter(())
    return sorted(each for each in found if NAME.fullmatch(each.name))


def chosen(directory: Path, at: datetime | None) -> Generation:
    """The one to restore from; None means as late as possible.

    Raise `NoBackupError`, `OutOfRangeError`, or `DamagedError` where it may be a damaged one that reaches there.
    """
    paths = generations(directory)
    if not paths:
        raise NoBackupError(directory)
    if at is None:
        return Generation.read(paths[-1])
    known: list[Generation] = []
    flaws: list[DamagedError] = []
    for path in paths:
        try:
            known.append(Generation.read(path))
        except DamagedError as flaw:
            flaws.append(flaw)
    for generation in reversed(known):
        if generation.reaches(at):
            return generation
    raise flaws[0] if flaws else OutOfRangeError(at, [each.range for each in known])


def begin(directory: Path) -> Path:
    """The directory of a new generation: numbered, for clocks may be set back."""
    last = max((int(path.name[:6]) for path in generations(directory)), default=0)
    path = directory / f"{last + 1:06}-{now():%Y%m%dT%H%M%SZ}{UNFINISHED}"
    path.mkdir(mode=0o700)
    return path


def finish(path: Path, base: Base) -> Generation:
    """Its base is whole: from now on it counts."""
    for chunk in base.chunks:
        settle(path / chunk.file)
    write_form(path / BASE, base)
    done = path.with_suffix("")
    path.rename(done)
    settle(done.parent)
    return Generation.read(done)


def keep(directory: Path, number: int) -> int:
    """Remove all generations but the newest; how many those were. Raise `BusyError`: each backup sweeps such things."""
    with locked(directory):
        old = generations(directory)[:-number]
        for path in old:
            gone = path.with_suffix(UNFINISHED)
            path.rename(gone)
            shutil.rmtree(gone)
    return len(old)


def sweep(directory: Path) -> None:
    """Remove what a backup that was killed has left of a base, or of one that it was removing."""
    for path in directory.glob(f"*{UNFINISHED}"):
        if NAME.fullmatch(path.stem) and not path.is_symlink():
            shutil.rmtree(path)
