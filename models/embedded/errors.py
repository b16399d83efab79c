"""What can go wrong with the embedded stores; each message says what to do.

EmbeddedError
├── MissingStoreError            no server binary for this platform
├── DataDirectoryInUseError      another process serves from the same directory
├── UnusableDataDirectoryError   the directory cannot be made or written
└── StoreFailedError             a server did not start, or stopped
"""

from pathlib import Path


class EmbeddedError(Exception):
    """Any of them."""


class MissingStoreError(EmbeddedError):
    def __init__(self, store: str, package: str) -> None:
        self.store = store
        super().__init__(
            f"no embedded {store} is installed here (package `{package}`, which not every platform has): "
            "run `make serve`, or set PARLEY_MONGODB_URI and PARLEY_REDIS_URL to servers of your own"
        )


class DataDirectoryInUseError(EmbeddedError):
    def __init__(self, directory: Path, pid: int | None) -> None:
        self.pid = pid
        owner = f"process {pid}" if pid else "another process"
        super().__init__(
            f"the data directory `{directory}` is in use by {owner}: stop it, or set PARLEY_DATA_DIR to another one"
        )


class UnusableDataDirectoryError(EmbeddedError):
    def __init__(self, directory: Path, reason: str) -> None:
        super().__init__(
            f"the data directory `{directory}` cannot be used ({reason}): set PARLEY_DATA_DIR to another one"
        )


class StoreFailedError(EmbeddedError):
    def __init__(self, store: str, log: Path, last_words: str) -> None:
        self.store = store
        said = f": `{last_words}`" if last_words else ""
        super().__init__(f"the embedded {store} does not run{said}; its log is `{log}`")
