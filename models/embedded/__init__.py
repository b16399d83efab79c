"""The embedded MongoDB and Redis: for development and the demo, with nothing installed but wheels."""

from models.embedded.errors import (
    DataDirectoryInUseError,
    EmbeddedError,
    MissingStoreError,
    StoreFailedError,
    UnusableDataDirectoryError,
)
from models.embedded.files import write_private
from models.embedded.stores import EmbeddedStores, Endpoints, attach_or_start, running

__all__ = [
    "DataDirectoryInUseError",
    "EmbeddedError",
    "EmbeddedStores",
    "Endpoints",
    "MissingStoreError",
    "StoreFailedError",
    "UnusableDataDirectoryError",
    "attach_or_start",
    "running",
    "write_private",
]
