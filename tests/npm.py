"""Programs of Node for tests, where Node is."""

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

INSTALL: Final = (
    "--fetch-retry-mintimeout=1000",
    "--prefer-offline",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
)
PATIENCE_SECONDS: Final = 300


def program(*names: str) -> str:
    """The path of the first of `names` that is installed; without any the test is skipped."""
    found = next(filter(None, map(shutil.which, names)), None)
    return found or pytest.skip(f"no `{names[0]}` here: install it to run this test")


def packages(config: pytest.Config, manifest: Path) -> Path:
    """A folder with what `manifest`, a package.json, names, just as the lock beside it says.

    pytest's cache keeps it for the next run.
    """
    npm = program("npm")
    assert config.cache
    folder = config.cache.mkdir(manifest.parent.name)
    pinned = [manifest, manifest.with_name("package-lock.json")]
    stamp, digest = folder / "installed", hashlib.sha256(b"".join(each.read_bytes() for each in pinned)).hexdigest()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        if stamp.exists() and stamp.read_text() == digest:
            return folder
        for each in pinned:
            shutil.copy(each, folder)
        try:
            done = subprocess.run(
                [npm, "ci", *INSTALL],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=PATIENCE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            pytest.skip(f"npm had not installed what {manifest} names after {PATIENCE_SECONDS} s")
        if done.returncode:
            pytest.skip(f"npm could not install what {manifest} names: {done.stderr[:300]}")
        stamp.write_text(digest)
    return folder
