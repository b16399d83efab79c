"""One owner of a data directory at a time."""

import contextlib
import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.embedded.errors import DataDirectoryInUseError, UnusableDataDirectoryError

HANDOVER_SECONDS: Final = 25.0
"""How long to wait for the stores of an owner who was killed: each may take 10 s to stop."""
GLANCE_SECONDS: Final = 0.5
"""How long to wait for an owner: longer than `owned` needs for its look."""
POLL_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Lock:
    """A locked data directory.

    `owner` is held by this process alone. `stores` is inherited by the stores, and so is held as long as anybody
    writes there: an owner killed with -9 leaves it behind for the moment that his stores take to end.
    """

    owner: int
    stores: int

    def release(self) -> None:
        """Let go; our stores must have ended."""
        os.close(self.stores)
        os.close(self.owner)


def prepare(directory: Path) -> Path:
    """Make the directory, for this user alone, and return its absolute path."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory = directory.resolve(strict=True)
        directory.chmod(0o700)
    except OSError as error:
        raise UnusableDataDirectoryError(directory, error.strerror or str(error)) from error
    return directory


def acquire(directory: Path) -> Lock:
    """Lock `directory`, or raise `DataDirectoryInUseError`."""
    with contextlib.ExitStack() as opened:
        owner = _open(directory / "owner.lock", opened)
        stores = _open(directory / "stores.lock", opened)
        if not (_within(GLANCE_SECONDS, owner) and _within(HANDOVER_SECONDS, stores)):
            raise DataDirectoryInUseError(directory, owner_pid(directory))
        os.truncate(owner, 0)
        os.write(owner, str(os.getpid()).encode())
        opened.pop_all()
    return Lock(owner, stores)


def owned(directory: Path) -> bool:
    """Whether somebody owns the directory now."""
    if not (directory / "owner.lock").exists():
        return False
    with contextlib.ExitStack() as opened:
        return not _try(_open(directory / "owner.lock", opened), fcntl.LOCK_SH)


def owner_pid(directory: Path) -> int | None:
    """The process that owned the directory last."""
    try:
        return int((directory / "owner.lock").read_text())
    except (OSError, ValueError):
        return None


def _open(path: Path, opened: contextlib.ExitStack) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UnusableDataDirectoryError(path.parent, error.strerror or str(error)) from error
    opened.callback(os.close, descriptor)
    return descriptor


def _within(seconds: float, descriptor: int) -> bool:
    deadline = time.monotonic() + seconds
    while not _try(descriptor, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
