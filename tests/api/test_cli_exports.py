"""`parley export`, and what becomes of it."""

import asyncio
import json
import secrets
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli.application import app
from api.cli.errors import CommandError
from models.clock import now
from models.database import Database
from models.embedded import EmbeddedStores
from models.migrations import migrate
from models.transfer.demo import DEMO_TREES
from models.transfer.errors import UnwritableFileError
from models.user import User, email_key


@pytest.fixture
def folder(tmp_path: Path, stores: EmbeddedStores, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands run, on an empty database with two accounts."""
    name = f"exports-{secrets.token_hex(8)}"
    for variable, value in (("MONGODB_URI", stores.mongodb_uri), ("REDIS_URL", stores.redis_url), ("DATABASE", name)):
        monkeypatch.setenv(f"PARLEY_{variable}", value)
    monkeypatch.chdir(tmp_path)
    asyncio.run(_accounts(stores.mongodb_uri, name))
    return tmp_path


async def _accounts(uri: str, name: str) -> None:
    async with await Database.connect(uri, name) as database:
        await migrate(database.db)
        for email in ("ann@example.org", "ben@example.org"):
            account = {"email": email, "email_key": email_key(email), "display_name": "A", "name_key": "a"}
            await User(**account, password_hash="-", created_at=now()).insert()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_out_and_in_again(folder: Path) -> None:
    owner = ("--owner", "ann@example.org")
    few = folder / "few.jsonl"
    few.write_bytes(b"".join(DEMO_TREES.read_bytes().splitlines(keepends=True)[:5]))
    assert run("import", "few.jsonl", "--format", "oasst", *owner).exit_code == 0
    done = run("export", "ann.ndjson", *owner)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "exported 5 conversations with" in done.stderr
    data = (folder / "ann.ndjson").read_bytes()
    assert (folder / "ann.ndjson").stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in folder.iterdir()) == ["ann.ndjson", "few.jsonl"]
    again = run("export", "ann.ndjson", *owner)
    assert isinstance(again.exception, UnwritableFileError)
    assert (folder / "ann.ndjson").read_bytes() == data
    imported = run("import", "ann.ndjson", "--format", "parley", "--owner", "ben@example.org")
    assert imported.stdout.startswith("imported 5 conversations")
    piped = run("export", "-", "--owner", "ben@example.org", "--format", "chatgpt")
    assert len(json.loads(piped.stdout)) == 5
    everything = run("export", "-", "--all")
    assert json.loads(everything.stdout.splitlines()[-1])["conversations"] == 10


def test_a_part_that_is_not_ours_is_not_written_to(folder: Path) -> None:
    for part, made in ((".x.all.parley.part", "link"), (".y.all.parley.part", "hard")):
        other = folder / f"{made}.txt"
        other.write_text("mine")
        (folder / part).symlink_to(other) if made == "link" else (folder / part).hardlink_to(other)
        refused = run("export", part[1], "--all")
        assert isinstance(refused.exception, UnwritableFileError)
        assert other.read_text() == "mine"


@pytest.mark.parametrize("arguments", [(), ("--all", "--owner", "ann@example.org"), ("--owner", "nobody@example.org")])
def test_it_must_be_said_whose(folder: Path, arguments: tuple[str, ...]) -> None:
    refused = run("export", "x", *arguments)
    assert isinstance(refused.exception, CommandError)
    assert not (folder / "x").exists()
