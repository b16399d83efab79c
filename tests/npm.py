"""Programs of Node for tests, where Node is."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest


def program(*names: str) -> str:
    """The path of the first of `names` that is installed; without any the test is skipped."""
    found = next(filter(None, map(shutil.which, names)), None)
    return found or pytest.skip(f"no `{names[0]}` here: install it to run this test")


def packages(config: pytest.Config, manifest: Path) -> Path:
    """A folder with what `manifest`, a package.json, names; pytest's cache keeps it for the next run."""
    npm = program("npm")
    assert config.cache
    folder = config.cache.mkdir(manifest.parent.name)
    command = [npm, "install", "--prefer-offline", "--no-package-lock", "--no-audit", "--no-fund"]
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        shutil.copy(manifest, folder)
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        pytest.skip(f"npm could not install what {manifest} names: {done.stderr.strip()[-300:]}")
    return folder
