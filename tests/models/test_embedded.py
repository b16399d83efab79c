"""The embedded stores keep what they acknowledged, and leave nothing behind."""

import json
import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo import MongoClient
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from models.embedded import (
    DataDirectoryInUseError,
    EmbeddedStores,
    MissingStoreError,
    StoreFailedError,
    UnusableDataDirectoryError,
    attach_or_start,
    running,
)
from tests.processes import gone, kill_9, until

OWNER = """
import json, sys
from pathlib import Path
from models.embedded import EmbeddedStores

with EmbeddedStores(Path(sys.argv[1])) as stores:
    print(json.dumps({**stores.pids(), "keeper": stores.keeper_pid}), flush=True)
    sys.stdin.read()
"""


def mongodb(stores: EmbeddedStores) -> MongoClient[dict[str, Any]]:
    return MongoClient(stores.mongodb_uri, timeoutMS=10_000, serverMonitoringMode="poll")


def valkey(stores: EmbeddedStores) -> redis.Redis:
    patience = Retry(ConstantBackoff(0.05), 100)
    return redis.Redis.from_url(stores.redis_url, retry=patience, decode_responses=True)


def start_owner(directory: Path) -> tuple[subprocess.Popen[str], dict[str, int]]:
    """Another process that runs stores; and the numbers of all that it started."""
    command = [sys.executable, "-c", OWNER, str(directory)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    return process, json.loads(process.stdout.readline())


def finish(process: subprocess.Popen[str]) -> None:
    """Reap it and close its pipes."""
    process.communicate()


def test_a_start_is_quick(tmp_path: Path) -> None:
    started = time.perf_counter()
    with EmbeddedStores(tmp_path) as stores:
        first = time.perf_counter() - started
    started = time.perf_counter()
    with stores:
        again = time.perf_counter() - started
    print(f"first start {first:.2f} s, second {again:.2f} s")  # noqa: T201


def test_a_second_start_finds_the_data(tmp_path: Path) -> None:
    with EmbeddedStores(tmp_path) as stores, mongodb(stores) as client, valkey(stores) as cache:
        client.db.things.insert_one({"_id": 1})
        cache.set("thing", "kept")
    with EmbeddedStores(tmp_path) as stores, mongodb(stores) as client, valkey(stores) as cache:
        assert client.db.things.find_one() == {"_id": 1}
        assert cache.get("thing") == "kept"


def test_mongodb_killed_during_writes_loses_none_that_it_acknowledged(tmp_path: Path) -> None:
    acknowledged = []
    with EmbeddedStores(tmp_path) as stores, mongodb(stores) as client:
        for number in range(300):
            if number % 100 == 50:
                kill_9(stores.pids()["MongoDB"])
            acknowledged.append(client.db.things.insert_one({"_id": number}).inserted_id)
        kill_9(stores.pids()["MongoDB"])
        assert [thing["_id"] for thing in client.db.things.find().sort("_id")] == acknowledged
    with EmbeddedStores(tmp_path) as stores, mongodb(stores) as client:
        assert client.db.things.count_documents({}) == len(acknowledged)


def test_redis_killed_during_writes_loses_none_that_it_acknowledged(tmp_path: Path) -> None:
    acknowledged = set()
    with EmbeddedStores(tmp_path) as stores, valkey(stores) as client:
        for number in range(2000):
            if number % 1000 == 500:
                kill_9(stores.pids()["Redis"])
            client.sadd("things", number)
            acknowledged.add(str(number))
        kill_9(stores.pids()["Redis"])
        assert client.smembers("things") == acknowledged
    with EmbeddedStores(tmp_path) as stores, valkey(stores) as client:
        assert client.smembers("things") == acknowledged


def test_a_data_directory_has_one_owner(tmp_path: Path) -> None:
    with EmbeddedStores(tmp_path), pytest.raises(DataDirectoryInUseError, match=f"process {os.getpid()}"):
        EmbeddedStores(tmp_path).start()
    with EmbeddedStores(tmp_path) as stores:
        stores.check()


def test_other_processes_attach_to_stores_that_run(tmp_path: Path) -> None:
    owner, _ = start_owner(tmp_path)
    with attach_or_start(tmp_path) as found:
        assert found.pid == owner.pid
        assert redis.Redis.from_url(found.redis_url, single_connection_client=True).ping()
    finish(owner)
    assert running(tmp_path) is None
    with attach_or_start(tmp_path) as found:
        assert found.pid == os.getpid()
        assert running(tmp_path) == found


def test_an_owner_killed_with_9_leaves_no_process_and_a_usable_directory(tmp_path: Path) -> None:
    owner, pids = start_owner(tmp_path)
    kill_9(owner.pid)
    finish(owner)
    with EmbeddedStores(tmp_path) as stores:  # waits for the old stores to end
        assert gone(pids.values(), seconds=1)
        stores.check()


@pytest.mark.skipif(sys.platform != "linux", reason="a parent's death is signalled to its children on Linux only")
def test_a_keeper_killed_with_9_takes_its_stores_with_it(tmp_path: Path) -> None:
    with EmbeddedStores(tmp_path) as stores:
        pids = stores.pids()
        kill_9(stores.keeper_pid)
        assert gone(pids.values())
        with pytest.raises(StoreFailedError):
            until(lambda: stores.check())


def test_a_store_that_cannot_run_is_reported_with_its_last_words_and_its_log(tmp_path: Path) -> None:
    with EmbeddedStores(tmp_path):
        pass
    (tmp_path / "mongodb" / "WiredTiger.turtle").write_text("damaged")
    with pytest.raises(StoreFailedError, match=r"embedded MongoDB does not run: `.+`; its log is `.+mongodb.log`"):
        EmbeddedStores(tmp_path).start()
    assert running(tmp_path) is None


def test_a_platform_without_the_servers_is_told_which_variables_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / name))
    with pytest.raises(MissingStoreError, match="PARLEY_MONGODB_URI and PARLEY_REDIS_URL"):
        EmbeddedStores(tmp_path / "data").start()
    assert running(tmp_path / "data") is None


def test_a_directory_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnusableDataDirectoryError, match="PARLEY_DATA_DIR"):
        EmbeddedStores(tmp_path / "file").start()


def test_the_data_is_private_to_its_user(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with EmbeddedStores(directory):
        modes = {path.name: path.stat().st_mode & 0o777 for path in (directory, directory / "stores.json")}
    assert modes == {"data": 0o700, "stores.json": 0o600}


def test_a_transaction_that_died_with_its_store_blocks_nobody(tmp_path: Path) -> None:
    with EmbeddedStores(tmp_path) as stores, mongodb(stores) as client:
        client.db.things.insert_one({"_id": 1, "n": 0})
        with client.start_session() as session:
            session.start_transaction()
            client.db.things.update_one({"_id": 1}, {"$set": {"n": 1}}, session=session)
            kill_9(stores.pids()["MongoDB"])
            client.db.things.update_one({"_id": 1}, {"$set": {"n": 2}})
        assert client.db.things.find_one() == {"_id": 1, "n": 2}


def test_the_log_of_mongodb_does_not_grow_with_what_is_written(tmp_path: Path) -> None:
    """The server's own defaults keep all of it until a clean stop."""
    most, size, updates = 0, 500_000, 600
    with EmbeddedStores(tmp_path) as stores, mongodb(stores) as client:
        client.x.c.insert_one({"_id": 1, "text": "x" * size})
        for number in range(updates):  # each logs the whole document
            client.x.c.update_one({"_id": 1}, {"$set": {"number": number}})
            most = max(most, len(list(tmp_path.rglob("WiredTigerLog.*"))))  # files of 16 MB
    assert 1 < most < size * updates / 16_000_000 * 2 / 3
