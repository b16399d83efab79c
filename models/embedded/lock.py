"""One owner of a data directory at a time."""

import fcntl
import os
import time
from pathlib import Path
from typing import Final

from models.embedded.errors import DataDirectoryInUseError, UnusableDataDirectoryError

HANDOVER_SECONDS: Final = 25.0
"""How long to wait for the stores of an owner who was killed: each may take 10 s to stop."""
POLL_SECONDS: Final = 0.02


def prepare(directory: Path) -> Path:
    """Make the directory, for this user alone, and return its absolute path."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory = directory.resolve(strict=True)
        directory.chmod(0o700)
    except OSError as error:
        raise UnusableDataDirectoryError(directory, error.strerror or str(error)) from error
    return directory


def acquire(directory: Path) -> int:
    """Lock `directory` and return the descriptor that holds the lock.

    The lock lives as long as any process that inherited the descriptor: the stores do, so an owner killed
    with -9 leaves it locked until his stores have ended; that is waited for.
    """
    lock = _open(directory)
    deadline = time.monotonic() + HANDOVER_SECONDS
    while not _try(lock, fcntl.LOCK_EX):
        pid = owner(directory)
        if (pid and alive(pid)) or time.monotonic() > deadline:
            os.close(lock)
            raise DataDirectoryInUseError(directory, pid)
        time.sleep(POLL_SECONDS)
    os.truncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    return lock


def locked(directory: Path) -> bool:
    """Whether somebody owns the directory now."""
    if not (directory / "lock").exists():
        return False
    lock = _open(directory)
    try:
        return not _try(lock, fcntl.LOCK_SH)
    finally:
        os.close(lock)


def owner(directory: Path) -> int | None:
    """The process that locked the directory last."""
    try:
        return int((directory / "lock").read_text())
    except (OSError, ValueError):
        return None


def alive(pid: int) -> bool:
    """Whether a process of that number runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _open(directory: Path) -> int:
    try:
        return os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise UnusableDataDirectoryError(directory, error.strerror or str(error)) from error


def _try(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
