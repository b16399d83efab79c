"""Imports that are cut short, and go on."""

import json
import os
import secrets
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from beanie import PydanticObjectId
from pymongo import MongoClient
from pymongo.database import Database
from redis import Redis

from models.embedded import EmbeddedStores
from models.share import user_grantee
from models.transfer.importing import conversation_id
from resolvers.chat.list_news import list_channel
from resolvers.live.streams import stream_name
from tests.api.commands import COMMAND, Here
from tests.models.transfer.foreign import answer, chat, message
from tests.processes import until

SMALL, LARGE = 30, 2_000
"""Conversations of four messages before and after one of many, which takes a few batches to plant."""
ARGUMENTS = ["import", "chats.json", "--format", "openwebui", "--owner", "ann@example.org"]
TOTAL = 2 * SMALL * 4 + LARGE


@pytest.fixture
def parley(tmp_path: Path, stores: EmbeddedStores) -> Here:
    """The command line on an empty database, with one account and a file to import."""
    name = f"imports-{secrets.token_hex(8)}"
    command = Here(tmp_path, {"MONGODB_URI": stores.mongodb_uri, "REDIS_URL": stores.redis_url, "DATABASE": name})
    command("user", "create", "--email", "ann@example.org", typed="correct horse battery staple")
    chats = [_chat(f"before {number}", 4, 10) for number in range(SMALL)]
    chats += [_chat("large", LARGE, 3_500), *(_chat(f"after {number}", 4, 10) for number in range(SMALL))]
    (tmp_path / "chats.json").write_text(json.dumps(chats))
    return command


def _chat(name: str, length: int, size: int) -> dict[str, Any]:
    """A line with an alternative to its last message."""
    line = [
        (answer if n % 2 else message)(str(n), None if n == 0 else str(n - 1), content=f"{name}, {n} " + "x" * size)
        for n in range(length - 1)
    ]
    return chat(*line, answer("other", str(length - 3), content="other"), current="other", id=name, title=name)


@contextmanager
def _opened(parley: Here) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](parley.variables["MONGODB_URI"]) as client:
        yield client[parley.variables["DATABASE"]]


@contextmanager
def _importing(parley: Here, reached: Callable[[Database[dict[str, Any]]], object]) -> Iterator[subprocess.Popen[str]]:
    """An import that has come so far, and is alive."""
    process = subprocess.Popen(
        [*COMMAND, *ARGUMENTS], cwd=parley.directory, env=parley.environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        with _opened(parley) as database:
            until(lambda: reached(database) or process.poll() is not None, seconds=60)
            os.kill(process.pid, signal.SIGSTOP)  # what comes next finds it there
            assert process.poll() is None, process.stderr and process.stderr.read()
        yield process
    finally:
        process.kill()
        process.communicate()


def _told(parley: Here) -> int:
    """How often the owner was told to list his conversations again."""
    with _opened(parley) as database, Redis.from_url(parley.variables["REDIS_URL"]) as redis:
        (owner,) = database.users.find({})
        found: int = redis.xlen(stream_name(list_channel(user_grantee(owner["_id"]))))
        return found


def _half_planted(database: Database[dict[str, Any]]) -> bool:
    """Whether the large conversation has messages and isn't there yet."""
    owner = database.users.find_one({})
    large = owner and conversation_id(PydanticObjectId(owner["_id"]), "openwebui", "large")
    half = database.buckets.find_one({"conversation_id": large}, {"_id": 1})
    return bool(half) and database.conversations.find_one({"_id": large}, {"_id": 1}) is None


def _check_whole(parley: Here) -> None:
    with _opened(parley) as database:
        conversations = {each["_id"]: each for each in database.conversations.find()}
        assert len(conversations) == 2 * SMALL + 1
        assert sum(each["message_count"] for each in conversations.values()) == TOTAL
        said: dict[Any, list[str]] = {name: [] for name in conversations}
        for bucket in database.buckets.find():
            said[bucket["conversation_id"]] += [each["content"] for each in bucket["messages"]]
        for name, contents in said.items():
            title = conversations[name]["title"]
            assert len(set(contents)) == len(contents) == conversations[name]["message_count"]
            assert sum(content.startswith(f"{title}, ") for content in contents) == len(contents) - 1
        assert {branch["conversation_id"] for branch in database.branches.find()} <= set(conversations)
        assert database.branches.count_documents({}) == sum(c["branch_count"] for c in conversations.values())


def test_one_that_is_killed_in_the_middle_of_a_conversation_goes_on(parley: Here) -> None:
    with _importing(parley, _half_planted) as process:
        process.kill()
        process.wait()
        with _opened(parley) as database:
            assert database.conversations.count_documents({}) == SMALL
    again = parley(*ARGUMENTS)
    assert again.status == 0
    assert f"; {SMALL:,} were there already; 0 records were refused" in again.out
    _check_whole(parley)


def test_ctrl_c_ends_what_is_begun_and_says_how_to_go_on(parley: Here) -> None:
    with _importing(parley, _half_planted) as process:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out.startswith(f"imported {SMALL + 1:,} conversations with {SMALL * 4 + LARGE:,} messages; 0 were there")
    assert "the same command goes on from here" in err
    assert "Traceback" not in err
    assert parley(*ARGUMENTS).out.startswith(f"imported {SMALL:,} conversations with")
    _check_whole(parley)


def test_a_dry_run_says_the_same_and_writes_nothing(parley: Here) -> None:
    checked = parley(*ARGUMENTS, "--dry-run")
    with _opened(parley) as database:
        assert not any(database[name].find_one() for name in ("conversations", "buckets", "branches"))
    assert _told(parley) == 0
    done = parley(*ARGUMENTS)
    assert _told(parley) == 1
    assert checked.out.removeprefix("would import") == done.out.removeprefix("imported")
    assert f"{2 * SMALL + 1} conversations, {TOTAL:,} messages" in done.err
