"""Whether a backup is what was written: every file is read, and every document counted."""

from dataclasses import dataclass
from pathlib import Path

from models.backup.catalog import Generation, generations
from models.backup.chunks import read_chunk
from models.backup.errors import DamagedError, NoBackupError
from models.backup.journal import changes


@dataclass(frozen=True, slots=True)
class Verified:
    """A generation without a flaw, or the first one that was found in it."""

    path: Path
    generation: Generation | None
    flaw: DamagedError | None = None


def verify(directory: Path) -> list[Verified]:
    """All generations. Raise `NoBackupError`."""
    found = [_verified(path) for path in generations(directory)]
    if not found:
        raise NoBackupError(directory)
    return found


def require_sound(generation: Generation) -> None:
    """Raise `DamagedError` naming the file."""
    for chunk in generation.base.chunks:
        read_chunk(generation.path, chunk)
    count = sum(1 for _ in changes(generation.path, generation.journal))
    if count != generation.journal.entries:
        raise DamagedError(generation.path / "journal.json", "does not fit the journal")


def _verified(path: Path) -> Verified:
    try:
        generation = Generation.read(path)
        require_sound(generation)
    except DamagedError as flaw:
        return Verified(path, None, flaw)
    return Verified(path, generation)
