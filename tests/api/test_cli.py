"""The other commands."""

import json
import secrets
from pathlib import Path
from typing import get_args

import pytest
from pymongo import MongoClient

from api.cli.importing import Format
from models.embedded import EmbeddedStores
from models.transfer.arrivals import KNOWN
from tests.api.commands import Here, Outcome, Parley

PASSWORD = "correct horse battery staple"
TREE = {
    "message_tree_id": "11111111-1111-4111-8111-111111111111",
    "tree_state": "ready_for_export",
    "prompt": {
        "message_id": "11111111-1111-4111-8111-111111111111",
        "text": "What is a tree?",
        "role": "prompter",
        "lang": "en",
        "created_date": "2023-02-01T10:00:00+00:00",
        "replies": [],
    },
}


@pytest.fixture
def parley(tmp_path: Path, stores: EmbeddedStores) -> Here:
    """The command line on an empty database."""
    name = f"cli-{secrets.token_hex(8)}"
    return Here(tmp_path, {"MONGODB_URI": stores.mongodb_uri, "REDIS_URL": stores.redis_url, "DATABASE": name})


def stored(parley: Here, collection: str) -> list[dict[str, object]]:
    with MongoClient[dict[str, object]](parley.variables["MONGODB_URI"]) as client:
        return list(client[parley.variables["DATABASE"]][collection].find())


def test_settings_names_every_variable_and_shows_no_secret(tmp_path: Path) -> None:
    shown = Here(tmp_path, {"SECRET_KEY": "s" * 40, "MONGODB_URI": "mongodb://u:hidden@h", "PORT": "1234"})("settings")
    assert shown.status == 0
    assert "PARLEY_PORT\t1234\t8000\tport to listen to\n" in shown.out
    assert "PARLEY_SECRET_KEY\t••••••\tnone\t" in shown.out
    assert "hidden" not in shown.out
    assert "ssss" not in shown.out


def test_settings_also_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PARLEY_PORT=4321\n")
    assert "PARLEY_PORT\t4321\t" in Parley(tmp_path)("settings").out


@pytest.mark.parametrize(
    "url", ["redis://:hidden/x@h:1", "redis+sentinel://:hidden@one:1", "redis+cluster://:hidden@h/3"]
)
def test_a_wrong_address_of_redis_is_one_line_without_its_password(tmp_path: Path, url: str) -> None:
    outcome = Here(tmp_path, {"MONGODB_URI": "mongodb://h", "REDIS_URL": url})("settings")
    assert outcome.status == 1
    assert outcome.err.startswith("parley: PARLEY_REDIS_URL: ")
    assert outcome.err.count("\n") == 1
    assert "hidden" not in outcome.err + outcome.out


def test_a_wrong_setting_is_one_line_that_names_it_and_not_its_value(tmp_path: Path) -> None:
    outcome = Parley(tmp_path, {"SECRET_KEY": "too short", "PORT": "high"})("settings")
    assert outcome.status == 1
    assert outcome.err.count("\n") == 1
    assert "PARLEY_SECRET_KEY: " in outcome.err
    assert "PARLEY_PORT: " in outcome.err
    assert "too short" not in outcome.err


def test_wrong_usage_has_status_2(tmp_path: Path) -> None:
    assert Here(tmp_path)("import", "file", "--format", "smoke-signals", "--owner", "a@b").status == 2
    assert Here(tmp_path)("fly").status == 2


def test_migrate_says_what_it_did_and_does_it_once(parley: Here) -> None:
    assert "applied 0001_first_indexes\n" in parley("migrate").out
    assert parley("migrate") == Outcome(0, "nothing to do\n", "")


def test_an_account_is_made_with_its_attributes(parley: Here) -> None:
    arguments = ["--email", "Ann@example.org", "--attribute", "region=EMEA", "--attribute", "clearance=2"]
    outcome = parley("user", "create", *arguments, typed=PASSWORD)
    assert (outcome.status, outcome.out) == (0, "created Ann@example.org\n")
    (user,) = stored(parley, "users")
    assert user["attributes"] == {"region": "EMEA", "clearance": 2}
    assert str(user["password_hash"]).startswith("$argon2id$")


def test_the_first_account_of_an_empty_installation_may_be_its_super_admin(parley: Here) -> None:
    outcome = parley("user", "create", "--email", "ann@example.org", "--role", "super_admin", typed=PASSWORD)
    assert outcome.status == 0
    (user,) = stored(parley, "users")
    (assignment,) = stored(parley, "role_assignments")
    assert (assignment["user_id"], assignment["role"]) == (user["_id"], "super_admin")


@pytest.mark.parametrize(
    ("arguments", "password", "words"),
    [
        (["--email", "ann@example.org"], "short", "12 characters"),
        (["--email", "nobody"], PASSWORD, "not an email address"),
        (["--email", "ann@example.org", "--role", "emperor"], PASSWORD, "no role `emperor`"),
    ],
)
def test_an_account_that_may_not_be_is_one_line(parley: Here, arguments: list[str], password: str, words: str) -> None:
    outcome = parley("user", "create", *arguments, typed=password)
    assert outcome.status == 1
    assert outcome.err.count("\n") == 1
    assert words in outcome.err
    assert stored(parley, "users") == []


def test_an_import_brings_the_good_records_lists_the_bad_and_changes_nothing_again(parley: Here) -> None:
    parley("user", "create", "--email", "ann@example.org", typed=PASSWORD)
    (parley.directory / "trees.jsonl").write_text(f"{json.dumps(TREE)}\nnot json\n")
    arguments = ["import", "trees.jsonl", "--format", "oasst", "--owner", "ann@example.org"]
    first = parley(*arguments)
    assert first.status == 1
    assert "not imported: trees.jsonl" in first.err
    assert first.out == ("imported 1 conversations with 1 messages; 0 were there already; 1 records were refused\n")
    assert parley(*arguments).out.startswith("imported 0 conversations with 0 messages; 1 were there already;")


def test_an_import_for_nobody_or_of_nothing_is_one_line(parley: Here) -> None:
    arguments = ["import", "nothing.jsonl", "--format", "oasst", "--owner", "ann@example.org"]
    assert "no account has the address `ann@example.org`" in parley(*arguments).err
    parley("user", "create", "--email", "ann@example.org", typed=PASSWORD)
    missing = parley(*arguments)
    assert missing.status == 1
    assert "`nothing.jsonl` does not exist" in missing.err


def test_every_format_that_is_known_can_be_asked_for() -> None:
    assert set(get_args(Format)) == set(KNOWN)


def test_commands_start_embedded_stores_of_their_own_and_stop_them(tmp_path: Path) -> None:
    alone = Parley(tmp_path, {"DATA_DIR": str(tmp_path / "data")})
    assert alone("migrate").status == 0
    assert alone("migrate").out == "nothing to do\n"
    assert not (tmp_path / "data" / "stores.json").exists()


def test_the_schema_is_printed(tmp_path: Path) -> None:
    assert "type Mutation {" in Here(tmp_path)("schema").out
