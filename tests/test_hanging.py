"""A test that never ends fails, says where it waited, and the next one is run."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.processes import PATIENCE_SECONDS

ROOT: Final = Path(__file__).parents[1]
HANGS: Final = """
import asyncio

async def test_that_waits():
    await news_that_never_comes()

async def news_that_never_comes():
    await asyncio.get_running_loop().create_future()

async def test_that_resists():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass

def test_after_it():
    pass
"""

SETTINGS: Final = """
[pytest]
addopts = -p no:valkey -p tests.hanging
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
"""


def test_it_is_ended_and_says_where_it_waited(tmp_path: Path) -> None:
    ended = run(tmp_path, "-k", "waits or after")
    assert "in news_that_never_comes" in ended.stderr + ended.stdout
    assert "1 failed, 1 passed" in ended.stdout


def test_where_it_resists_its_process_is_ended(tmp_path: Path) -> None:
    ended = run(tmp_path, "-k", "resists or after", "-n", "1")
    assert "crashed while running" in ended.stdout
    assert "2 failed, 1 passed" in ended.stdout, "its failure, and the process's end"


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Pytest, for these."""
    (folder / "test_hangs.py").write_text(HANGS)
    (folder / "pytest.ini").write_text(SETTINGS)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "--patience", "6", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
