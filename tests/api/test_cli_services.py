"""`parley service`."""

import secrets
from pathlib import Path

import pytest
from pymongo import MongoClient

from models.embedded import EmbeddedStores
from tests.api.commands import Here


@pytest.fixture
def parley(tmp_path: Path, stores: EmbeddedStores) -> Here:
    """The command line on an empty database."""
    name = f"cli-{secrets.token_hex(8)}"
    return Here(tmp_path, {"MONGODB_URI": stores.mongodb_uri, "REDIS_URL": stores.redis_url, "DATABASE": name})


def test_a_service_is_told_its_secret_once(parley: Here) -> None:
    made = parley("service", "create", "--name", "billing", "--role", "policy_decision_client")
    lines = dict(line.split("\t") for line in made.out.splitlines())
    assert lines["client_id"] == "billing"
    assert len(lines["client_secret"]) > 40

    renewed = parley("service", "renew", "--name", "billing")
    assert renewed.status == 0
    assert lines["client_secret"] not in renewed.out

    with MongoClient[dict[str, object]](parley.variables["MONGODB_URI"]) as client:
        database = client[parley.variables["DATABASE"]]
        (account,) = database.users.find()
        assert lines["client_secret"] not in str(account)
        assert [each["role"] for each in database.role_assignments.find()] == ["policy_decision_client"]


def test_what_is_wrong_is_said_in_a_line_and_makes_nothing(parley: Here) -> None:
    for arguments, said in (
        (["create", "--name", "billing", "--role", "nonsense"], "no role `nonsense`"),
        (["create", "--name", "Bad Name"], "a service's name is"),
        (["renew", "--name", "billing"], "no account `billing`"),
    ):
        outcome = parley("service", *arguments)
        assert outcome.status == 1
        assert said in outcome.err
        assert outcome.err.count("\n") == 1

    with MongoClient[dict[str, object]](parley.variables["MONGODB_URI"]) as client:
        assert client[parley.variables["DATABASE"]].users.count_documents({}) == 0
