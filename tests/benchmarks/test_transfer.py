"""What it costs to export and to import one conversation of many messages: seconds, MB/s, and memory."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from pymongo import MongoClient

from models.database import Database, Record
from models.embedded import EmbeddedStores
from tests.benchmarks.data import SIZES
from tests.benchmarks.report import FOLDER
from tests.benchmarks.worlds import ASKER, conversation_id
from tests.models.transfer.parley.measured import sown

pytestmark = pytest.mark.benchmark
MESSAGES = (10_000, 100_000)
GROWTH = 64
"""MiB by which either may grow, whatever the size."""
ADDRESS: Final = "ann@example.org"


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


def test_the_command_itself(tmp_path: Path) -> None:
    """`parley export` of an account that owns such a conversation, and 49 others; the most memory it ever had."""
    if not (FOLDER / "scale" / "mongodb").exists():
        pytest.skip("there is nothing to export yet: `make bench-data` builds it")
    with EmbeddedStores(FOLDER / "scale") as stores:
        peaks = [commanded(stores, size, tmp_path / f"{size}") for size in SIZES[1:]]
    assert max(peaks) - min(peaks) < GROWTH


def commanded(stores: EmbeddedStores, size: int, path: Path) -> float:
    """Its peak in MiB."""
    name = f"scale_{size}"
    command = [str(Path(sys.executable).with_name("parley")), "export", str(path), "--owner", ADDRESS]
    environment = os.environ | {
        "PARLEY_MONGODB_URI": stores.mongodb_uri,
        "PARLEY_REDIS_URL": stores.redis_url,
        "PARLEY_DATABASE": name,
    }
    began = time.perf_counter()
    with account(stores.mongodb_uri, name):
        started = os.posix_spawn(command[0], command, environment)
        _, status, used = os.wait4(started, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    peak, cpu = used.ru_maxrss / 1024, used.ru_utime + used.ru_stime
    print(  # noqa: T201
        f"parley export with {size:,} messages, {path.stat().st_size / 1e6:.1f} MB: "
        f"{time.perf_counter() - began:.1f} s, {cpu:.1f} s of CPU, at most {peak:.0f} MiB in memory"
    )
    return peak


@contextmanager
def account(uri: str, name: str) -> Iterator[None]:
    """The owner has an account meanwhile: the data are of no account's."""
    user = {"email": ADDRESS, "email_key": ADDRESS, "display_name": "Ann", "name_key": "ann", "password_hash": "none"}
    with MongoClient[Record](uri) as client:
        client[name]["users"].insert_one({"_id": ASKER, **user, "created_at": datetime.now(UTC)})
        try:
            yield
        finally:
            client[name]["users"].delete_one({"_id": ASKER})


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
