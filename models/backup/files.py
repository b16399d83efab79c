"""Files of a backup: for this user alone, on disk before anything relies on them, one writer at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from models.backup.errors import BusyError, DamagedError

LOCK: Final = "lock"
Form = TypeVar("Form", bound=BaseModel)


def private_directory(path: Path) -> Path:
    """Make it, for this user alone, unless it is there."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write(path: Path, data: bytes) -> None:
    """Write a file. `settle` it, and its directory, before anything relies on it."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)


def settle(path: Path) -> None:
    """Have a file, or the names in a directory, on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_form(path: Path, form: BaseModel) -> None:
    """Replace a file of JSON at once; its last line is the digest of what stands above."""
    text = form.model_dump_json().encode() + b"\n"
    fresh = path.with_name(f"{path.name}.new")
    write(fresh, text + sha256(text).hexdigest().encode() + b"\n")
    settle(fresh)
    fresh.replace(path)
    settle(path.parent)


def read_form(path: Path, kind: type[Form]) -> Form:
    """Read what `write_form` wrote. Raise `DamagedError`."""
    try:
        text, _, digest = path.read_bytes().rstrip(b"\n").rpartition(b"\n")
    except FileNotFoundError:
        raise DamagedError(path, "is missing") from None
    text += b"\n"
    if sha256(text).hexdigest().encode() != digest:
        raise DamagedError(path, "is damaged")
    try:
        return kind.model_validate_json(text)
    except ValidationError:
        raise DamagedError(path, "was written by another release") from None


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Within the block nobody else writes there. Raise `BusyError`. A process that is killed lets go."""
    descriptor = os.open(private_directory(directory) / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(directory) from None
        yield
    finally:
        os.close(descriptor)
