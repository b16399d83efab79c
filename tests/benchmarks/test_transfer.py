"""What it costs to export and to import one conversation of many messages: seconds, MB/s, and memory."""

import subprocess
import sys
from pathlib import Path

import pytest

from models.database import Database
from models.embedded import EmbeddedStores
from tests.benchmarks.data import SIZES
from tests.benchmarks.report import FOLDER
from tests.benchmarks.worlds import conversation_id
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
    for what in ("export", "import"):
        assert measured(stores.mongodb_uri, database.db.name, what, tmp_path / "file") == messages


def test_a_million_messages_out(tmp_path: Path) -> None:
    """Of what `make bench-data` has built: the conversations of 10,000 and of a million messages."""
    if not (FOLDER / "scale" / "mongodb").exists():
        pytest.skip("there is nothing to export yet: `make bench-data` builds it")
    with EmbeddedStores(FOLDER / "scale") as stores:
        for size in SIZES[1:]:
            path = tmp_path / str(size)
            assert measured(stores.mongodb_uri, f"scale_{size}", "export", path, str(conversation_id(0))) >= size


def measured(uri: str, name: str, what: str, path: Path, *more: str) -> int:
    """How many messages went out or in, in a process of its own, which must not grow with them."""
    command = [sys.executable, "-m", "tests.models.transfer.parley.measured", uri, name, what, str(path), *more]
    done = subprocess.run(command, capture_output=True, check=True)
    seconds, cpu, moved, growth = map(float, done.stdout.split())
    size = path.stat().st_size / 1e6
    print(  # noqa: T201
        f"{what} of {moved:,.0f} messages, {size:.1f} MB: {seconds:.1f} s, {cpu:.1f} s of CPU, "
        f"{size / seconds:.1f} MB/s, grew by {growth:.0f} MiB"
    )
    assert growth < GROWTH
    return int(moved)
