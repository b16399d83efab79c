"""`parley backup` and `parley restore`: what people see, what a kill leaves, and who stays signed in.

Only what is killed, or stopped, is a process: starting one takes longer than what it does.
"""

import asyncio
import secrets
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo import MongoClient
from redis.exceptions import RedisError

from api.cli.administration import administration
from api.cli.stores import connected
from api.services import open_services
from api.settings import Settings
from api.trees import message_tree
from models.backup.errors import moment
from models.bucket import MessageRole
from models.clock import now
from models.conversation import Conversation
from models.database import Database
from models.embedded import EmbeddedStores
from models.tree import Draft
from models.user import User
from permissions.authn.errors import BadCredentialsError, TokenRevokedError
from permissions.authn.principal import Client
from permissions.authn.revocation.revocations import Revocations
from permissions.changes import SYSTEM
from permissions.erasure import Eraser
from tests.api.commands import COMMAND, SECRET, Here
from tests.models.backup.stored import later
from tests.processes import kill_9, until

ANN, BOB, PASSWORD = "ann@example.org", "bob@example.org", "correct horse battery staple"


@pytest.fixture
def parley(tmp_path: Path, stores: EmbeddedStores) -> Here:
    """The command line on an empty database."""
    return Here(tmp_path, {**addresses(stores), "SECRET_KEY": SECRET})


def addresses(stores: EmbeddedStores) -> dict[str, str]:
    name = f"cli-{secrets.token_hex(8)}"
    return {"MONGODB_URI": stores.mongodb_uri, "REDIS_URL": stores.redis_url, "DATABASE": name}


def elsewhere(parley: Here, **others: str) -> Here:
    """The same with another database, and other variables."""
    return replace(parley, variables={**parley.variables, "DATABASE": f"cli-{secrets.token_hex(8)}", **others})


def settings(parley: Here) -> Settings:
    named = parley.variables
    return Settings(
        mongodb_uri=SecretStr(named["MONGODB_URI"]),
        redis_url=SecretStr(named["REDIS_URL"]),
        database=named["DATABASE"],
        secret_key=SecretStr(named["SECRET_KEY"]),
    )


async def run(parley: Here, *arguments: str, typed: str = "") -> str:
    """What it prints; it must succeed."""
    outcome = await asyncio.to_thread(parley, *arguments, typed=typed)
    assert outcome.status == 0, outcome.err
    return outcome.out


async def test_a_restore_brings_nobody_back_who_was_turned_away(parley: Here) -> None:
    for email in (ANN, BOB):
        await run(parley, "user", "create", "--email", email, typed=PASSWORD)
    async with open_services(settings(parley)) as services:
        accounts = services.authentication.accounts
        anns = await accounts.login(ANN, PASSWORD, Client())
    await run(parley, "backup", "saved")
    at = later()
    await run(parley, "user", "disable", "--email", BOB, "--reason", "left")
    added = await run(parley, "backup", "saved")
    assert "copied" not in added
    assert "can be restored" in added
    restored = elsewhere(parley)
    said = await run(restored, "restore", "saved", "--at", moment(at))
    assert f"restored as of {moment(at)}: " in said
    async with open_services(settings(restored)) as services:
        accounts, gate = services.authentication.accounts, services.authentication.authenticator.gate
        token = await accounts.tokens.verify(anns.access_token)  # the keys are the same
        with pytest.raises(TokenRevokedError):
            gate.require(token)
        bob = await User.find_one({"email": BOB})
        assert bob
        assert bob.disabled
        with pytest.raises(BadCredentialsError):
            await accounts.login(BOB, PASSWORD, Client())
        again = await accounts.tokens.verify((await accounts.login(ANN, PASSWORD, Client())).access_token)
        gate.require(again)
    verified = await run(restored, "audit", "verify")
    assert "nothing is wrong" in verified
    with MongoClient[dict[str, Any]](parley.variables["MONGODB_URI"]) as client:
        blocks = client[restored.variables["DATABASE"]]["audit_blocks"].find({})
        told = [record.get("reason") or record["kind"] for block in blocks for record in block["records"]]
    assert told.index("left") < told.index("database.restored")  # the former came after that moment


@asynccontextmanager
async def erasing(parley: Here) -> AsyncIterator[tuple[Database, Eraser]]:
    """As servers erase, but without waiting for writes that are under way."""
    configured = settings(parley)
    async with administration(configured) as office, connected(configured) as database:
        yield database, Eraser(database.db, message_tree(configured, database), office, grace=timedelta(0))


async def test_who_was_erased_later_is_erased_again(parley: Here) -> None:
    await run(parley, "user", "create", "--email", ANN, typed=PASSWORD)
    async with erasing(parley) as (database, _):
        ann = await User.find_one({"email": ANN})
        assert ann
        tree = message_tree(settings(parley), database)
        conversation = Conversation(owner_id=ann.id, started_at=now(), updated_at=now(), slot_width=50)
        await tree.start(conversation)
        await tree.append(conversation, None, Draft(MessageRole.USER, "forget me", ann.id))
    await run(parley, "backup", "saved")
    at = later()
    async with erasing(parley) as (database, eraser):
        await eraser.erase(ann.id, SYSTEM)
        assert await database.db.buckets.find_one({}) is None
    await run(parley, "backup", "saved")
    restored = elsewhere(parley)
    await run(restored, "restore", "saved", "--at", moment(at))
    async with erasing(restored) as (database, eraser):
        assert await database.db.buckets.find_one({"messages.content": "forget me"})
        assert await eraser.resume() == 1
        assert await database.db.buckets.find_one({}) is None
        assert await database.db.users.find_one({"email": ANN}) is None


async def test_the_key_is_asked_for_before_anything_is_restored(parley: Here) -> None:
    async with open_services(settings(parley)):
        pass  # makes a signing key
    await run(parley, "backup", "saved")
    other = elsewhere(parley, SECRET_KEY="another secret of the tests, long enough")
    refused = await asyncio.to_thread(other, "restore", "saved")
    assert refused.status == 1
    assert "needs the PARLEY_SECRET_KEY of the installation" in refused.err
    assert SECRET not in refused.err + refused.out
    unset = replace(other, variables={k: v for k, v in other.variables.items() if k != "SECRET_KEY"})
    assert "PARLEY_SECRET_KEY is not set" in (await asyncio.to_thread(unset, "restore", "saved")).err
    with MongoClient[dict[str, Any]](parley.variables["MONGODB_URI"]) as client:
        assert client[other.variables["DATABASE"]].list_collection_names() == []
    await run(other, "restore", "saved", "--lost-key")
    async with open_services(settings(other)):
        pass  # it has made a key of its own


def test_nobody_works_on_it_before_all_sessions_are_over(parley: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis may go while the restore stores what takes hours."""

    async def away(*_: Any, **__: Any) -> None:
        raise RedisError("gone")

    assert parley("migrate").status == 0
    assert parley("backup", "saved").status == 0
    restored = elsewhere(parley)
    with monkeypatch.context() as patch:
        patch.setattr(Revocations, "revoke", away)
        assert restored("restore", "saved").status == 1
    assert "was cut short: drop it" in restored("migrate").err
    assert "was cut short" in restored("restore", "saved").err


def test_wrong_uses_are_told_in_one_line(parley: Here) -> None:
    nothing = parley("restore", "nowhere")
    assert (nothing.status, nothing.err) == (1, "parley: `nowhere` holds no finished backup\n")
    assert parley("backup", "nowhere", "--verify").status == 1
    assert parley("migrate").status == 0
    assert parley("backup", "saved").status == 0
    full = parley("restore", "saved")
    assert full.status == 1
    assert "is not empty" in full.err
    early = parley("restore", "saved", "--at", "2020-01-01T00:00:00Z")
    assert early.status == 1
    assert "no backup reaches 2020-01-01T00:00:00.000Z: there is " in early.err
    for at in ("yesterday", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        assert parley("restore", "saved", "--at", at).status == 2, at
    (parley.directory / "file").touch()
    assert parley("backup", "file").err == "parley: `file` could not be read or written (File exists)\n"
    assert parley("restore", "saved", "--at", "2020-01-01T00:00:00").status == 2


def test_a_killed_backup_leaves_the_last_good_one(parley: Here) -> None:
    assert parley("migrate").status == 0
    assert parley("backup", "saved").status == 0
    directory = parley.directory / "saved"
    process = subprocess.Popen(
        [*COMMAND, "backup", "saved", "--new"],
        cwd=parley.directory,
        env=parley.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: list(directory.glob("*.unfinished")) or process.poll() is not None, 30)
    kill_9(process.pid)
    process.wait()
    assert list(directory.glob("*.unfinished")), "it had ended"
    checked = parley("backup", "saved", "--verify")
    assert (checked.status, checked.out.count("good: ")) == (0, 1)
    again = parley("backup", "saved")
    assert (again.status, "copied" in again.out) == (0, False)
    assert not list(directory.glob("*.unfinished"))
    assert elsewhere(parley)("restore", "saved").status == 0


def test_following_ends_in_order(parley: Here) -> None:
    assert parley("migrate").status == 0
    said = parley.directory / "said.txt"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [*COMMAND, "backup", "saved", "--follow", "--every", "1"],
            cwd=parley.directory,
            env=parley.environment,
            stdout=out,
            stderr=subprocess.DEVNULL,
        )
    try:
        until(lambda: "following" in said.read_text(), 30)
        second = parley("backup", "saved")
        assert (second.status, "another backup into `saved` is running" in second.err) == (1, True)
        with MongoClient[dict[str, Any]](parley.variables["MONGODB_URI"]) as client:
            client[parley.variables["DATABASE"]]["things"].insert_one({"_id": 1})
        until(lambda: said.read_text().count("can be restored") > 1, 30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    restored = elsewhere(parley)
    assert restored("restore", "saved").status == 0
    with MongoClient[dict[str, Any]](parley.variables["MONGODB_URI"]) as client:
        assert client[restored.variables["DATABASE"]]["things"].find_one() == {"_id": 1}
