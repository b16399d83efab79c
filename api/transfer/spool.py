"""Files that are sent to be imported, on disk while they are read; those of workers that were killed are swept away.

A lock on a folder, which ends with its process however that ends, tells whether somebody needs it still.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Final

PREFIX: Final = "parley-import-"


@contextmanager
def spool() -> Iterator[Path]:
    """Where to put a file which is gone after the block; only we may look into its folder."""
    folder, lock = _folder()
    try:
        yield folder / "upload"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def sweep() -> int:
    """Delete what killed workers of this user left behind, and return how many files that were."""
    swept = 0
    for folder in Path(gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # gone meanwhile, somebody else's, or no folder
            if folder.lstat().st_uid != os.geteuid():
                continue
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
                swept += 1
            finally:
                os.close(lock)
    return swept


def _folder() -> tuple[Path, int]:
    """A new one, and its lock."""
    while True:
        folder = Path(mkdtemp(prefix=PREFIX))
        lock = -1
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if folder.exists():
                return folder, lock
        except (BlockingIOError, FileNotFoundError):
            pass  # somebody swept it away before it was locked
        if lock >= 0:
            os.close(lock)
