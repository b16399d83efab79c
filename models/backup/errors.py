"""What can be wrong with a backup; each message says what to do.

BackupError
├── NoBackupError        nothing there that could be restored
├── BusyError            another backup into that directory runs
├── DamagedError         a file is not what was written
├── OutOfRangeError      no backup reaches that moment
├── NotEmptyError        there is something already where it is to be restored
├── DifferentError       what was restored is not what is stored now
├── StreamError          the database tells nobody what changes, or stopped telling
└── HistoryLostError     what changed since the last backup is not known any more: a new base is needed
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path


class BackupError(Exception):
    """Base of them all."""


class NoBackupError(BackupError):
    def __init__(self, directory: Path) -> None:
        super().__init__(f"`{directory}` holds no finished backup")


class BusyError(BackupError):
    def __init__(self, directory: Path) -> None:
        super().__init__(f"another backup into `{directory}` is running: wait for its end")


class DamagedError(BackupError):
    """`file` is not what was written; `reason` ends the sentence that begins with it."""

    def __init__(self, file: Path, reason: str) -> None:
        self.file = file
        self.reason = reason
        super().__init__(f"`{file}` {reason}: restore from another copy; `parley backup --new` begins anew")


class OutOfRangeError(BackupError):
    def __init__(self, at: datetime, ranges: Sequence[tuple[datetime, datetime]]) -> None:
        known = "; ".join(f"{moment(first)} to {moment(last)}" for first, last in ranges)
        super().__init__(f"no backup reaches {moment(at)}: there is {known}")


class NotEmptyError(BackupError):
    def __init__(self, database: str, collection: str, *, cut_short: bool) -> None:
        what = "a restore into it was cut short" if cut_short else f"`{collection}` has documents"
        super().__init__(f"the database `{database}` is not empty ({what}): drop it, or set PARLEY_DATABASE to another")


class DifferentError(BackupError):
    def __init__(self, collections: Sequence[str]) -> None:
        super().__init__(
            f"what is stored now is not what was restored ({', '.join(collections)}): did something else write there? "
            "Drop the database, and restore again while no server runs"
        )


class StreamError(BackupError):
    """The message is a whole sentence."""


class HistoryLostError(BackupError):
    """The message says why, as a clause."""


def moment(at: datetime) -> str:
    """A time as `--at` takes it."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
