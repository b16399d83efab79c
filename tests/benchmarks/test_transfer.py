"""What it costs to export and to import one conversation of 100,000 messages: seconds, MB/s, and memory."""

import subprocess
import sys
from pathlib import Path

import pytest

from models.database import Database
from models.embedded import EmbeddedStores
from tests.models.transfer.parley.measured import sown

pytestmark = pytest.mark.benchmark
MESSAGES = (10_000, 100_000)
GROWTH = 64
"""MiB by which either may grow, whatever the size."""


@pytest.mark.parametrize("messages", MESSAGES)
async def test_a_large_tree_out_and_in(
    database: Database, stores: EmbeddedStores, tmp_path: Path, messages: int
) -> None:
    await sown(database, messages)
    path = tmp_path / "file"
    for what in ("export", "import"):
        command = [sys.executable, "-m", "tests.models.transfer.parley.measured", stores.mongodb_uri, database.db.name]
        done = subprocess.run([*command, what, str(path)], capture_output=True, check=True)  # noqa: ASYNC221
        seconds, cpu, moved, growth = map(float, done.stdout.split())
        size = path.stat().st_size / 1e6
        print(  # noqa: T201
            f"{what} of {moved:,.0f} messages, {size:.1f} MB: {seconds:.1f} s, {cpu:.1f} s of CPU, "
            f"{size / seconds:.1f} MB/s, grew by {growth:.0f} MiB"
        )
        assert (moved, growth < GROWTH) == (messages, True)
