"""Runs of minutes and hours can be ended early, and take their servers with them."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.processes import PATIENCE_SECONDS, children, gone, until

ROOT: Final = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("module", "expected"), [("tests.fuzz", 1), ("tests.soak", -signal.SIGINT), ("tests.attacks", -signal.SIGINT)]
)
def test_sigterm_ends_the_server_too(tmp_path: Path, module: str, expected: int) -> None:
    told = tmp_path / "told.txt"
    with told.open("wb") as file:
        run = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=tmp_path,  # what it leaves is left there
            env={**os.environ, "PYTHONPATH": str(ROOT), "CASES": "100000", "SEED": "1"},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        started = until(lambda: _with_workers(children(run.pid)))
        run.terminate()
        status = run.wait(timeout=PATIENCE_SECONDS)
    finally:
        run.kill()
        run.wait()
    assert status == expected, told.read_text()
    assert gone(started)


def _with_workers(started: dict[int, str]) -> list[int]:
    """The numbers of all, once workers are among them."""
    return list(started) if any("api.worker" in command for command in started.values()) else []
