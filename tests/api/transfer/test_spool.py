"""Uploads lie on disk for as long as their worker lives, and no longer."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from api.transfer.spool import PREFIX, spool, sweep
from tests.processes import kill_9

WORKER = """
import sys
from api.transfer.spool import spool, sweep
sweep()
with spool() as path:
    path.write_bytes(b"a secret")
    print(path, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@contextmanager
def uploading(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A worker that sweeps as it starts, and then is at an upload."""
    command, environment = [sys.executable, "-c", WORKER], {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(command, text=True, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        try:
            assert worker.stdout
            yield worker, Path(worker.stdout.readline().strip())
        finally:
            worker.kill()


def test_what_a_killed_worker_left_goes_when_the_next_one_starts(folder: Path) -> None:
    with ExitStack() as workers:
        killed, left = workers.enter_context(uploading(folder))
        living, kept = workers.enter_context(uploading(folder))
        kill_9(killed.pid)
        killed.wait()
        assert left.exists()
        assert left.parent.stat().st_mode & 0o777 == 0o700
        workers.enter_context(uploading(folder))
        assert not left.parent.exists()
        assert kept.read_bytes() == b"a secret"
        living.communicate()
        assert not kept.parent.exists()


def test_an_upload_under_way_is_let_be_and_goes_with_its_block(folder: Path) -> None:
    with spool() as path:
        path.write_bytes(b"half")
        assert sweep() == 0
        assert path.exists()
    assert list(folder.iterdir()) == []


def test_only_folders_of_ones_own_are_swept(folder: Path) -> None:
    other, named = folder / "other", folder / f"{PREFIX}link"
    other.mkdir()
    named.symlink_to(other)
    (folder / f"{PREFIX}file").touch()
    assert sweep() == 0
    assert {each.name for each in folder.iterdir()} == {"other", named.name, f"{PREFIX}file"}
