"""What a backup directory holds: generations, each a base and the journal of what changed after it."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Final, Self

from pydantic import BaseModel

from models.backup.errors import DamagedError, NoBackupError, OutOfRangeError
from models.backup.files import read_form, settle, write_form
from models.clock import now

BASE: Final = "base.json"
JOURNAL: Final = "journal.json"
UNFINISHED: Final = ".unfinished"
"""Ends the name of a generation whose base is being copied."""
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

    def reaches(self, at: datetime) -> bool:
        """Whether the database can be restored as it was at that moment."""
        return self.base.complete_at <= at <= self.journal.reached


def generations(directory: Path) -> list[Path]:
    """The finished ones, oldest first."""
    found = directory.iterdir() if directory.is_dir() else iter(())
    return sorted(each for each in found if (each / BASE).exists() and each.suffix != UNFINISHED)


def chosen(directory: Path, at: datetime | None) -> Generation:
    """The one to restore from; None means as late as possible. Raise `NoBackupError`, `OutOfRangeError`."""
    paths = generations(directory)
    if not paths:
        raise NoBackupError(directory)
    if at is None:
        return Generation.read(paths[-1])
    known = [Generation.read(path) for path in paths]
    for generation in reversed(known):
        if generation.reaches(at):
            return generation
    raise OutOfRangeError(at, [(each.base.complete_at, each.journal.reached) for each in known])


def begin(directory: Path) -> Path:
    """The directory of a new generation."""
    path = directory / f"{now():%Y%m%dT%H%M%S}-{token_hex(2)}{UNFINISHED}"
    path.mkdir(mode=0o700)
    return path


def finish(path: Path, base: Base) -> Generation:
    """Its base is whole: from now on it counts."""
    write_form(path / BASE, base)
    done = path.with_suffix("")
    path.rename(done)
    settle(done.parent)
    return Generation.read(done)


def keep(directory: Path, number: int) -> int:
    """Remove all generations but the newest; how many those were."""
    old = generations(directory)[:-number]
    for path in old:
        gone = path.with_suffix(UNFINISHED)
        path.rename(gone)
        shutil.rmtree(gone)
    return len(old)


def sweep(directory: Path) -> None:
    """Remove what a backup that was killed has left of a base, or of one that it was removing."""
    for path in directory.glob(f"*{UNFINISHED}"):
        shutil.rmtree(path)
