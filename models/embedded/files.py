"""Small files beside the data."""

import os
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Replace a file at once, readable by this user alone."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)


def last_line(log: Path) -> str:
    """What a server said last."""
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1][:300] if lines else ""


def keep_one_old(log: Path) -> None:
    """Begin a new log; the one before stays beside it."""
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
