"""`parley operations register`, `list`, `check`, `remove`."""

import json
import secrets
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from models.embedded import EmbeddedStores
from permissions.operations.manifest import digest
from tests.api.commands import SECRET, Here

ME = "query Me { me { id } }"
MANIFEST = {
    "format": "apollo-persisted-query-manifest",
    "version": 1,
    "operations": [{"id": digest(ME), "name": "Me", "type": "query", "body": ME}],
}


@pytest.fixture
def parley(tmp_path: Path, stores: EmbeddedStores) -> Here:
    """The command line on an empty database, beside two manifests."""
    (tmp_path / "apollo.json").write_text(json.dumps(MANIFEST))
    (tmp_path / "relay.json").write_text(json.dumps({"a": "{ me { id } }", "b": "{ me { nothing } }"}))
    name = f"cli-{secrets.token_hex(8)}"
    ours = {"MONGODB_URI": stores.mongodb_uri, "REDIS_URL": stores.redis_url, "DATABASE": name, "SECRET_KEY": SECRET}
    return Here(tmp_path, ours)


def test_documents_are_registered_listed_checked_and_removed(parley: Here) -> None:
    done = parley("operations", "register", "apollo.json", "--client", "web")
    assert (done.status, done.out) == (0, "apollo.json: 1 registered, 0 known already\n")
    refused = parley("operations", "register", "relay.json")
    assert refused.status == 1
    assert "nothing was registered: 1 of 2 are not sound" in refused.err
    listed = parley("operations", "list").out.split("\t")
    assert listed[:3] == [digest(ME), "Me", "web"]
    assert parley("operations", "check").out == "1 documents, 0 can't be run\n"
    with MongoClient[dict[str, Any]](parley.variables["MONGODB_URI"]) as client:
        database = client[parley.variables["DATABASE"]]
        database.trusted_documents.update_one({}, {"$set": {"text": "{ me { renamed } }"}})
        checked = parley("operations", "check")
        assert (checked.status, checked.out.splitlines()[-1]) == (1, "1 documents, 1 can't be run")
        assert f"{digest(ME)}\tCannot query field 'renamed' on type 'User'." in checked.out
        assert parley("operations", "remove").status == 1
        assert parley("operations", "remove", "--client", "web").out == "1 removed\n"
        assert parley("operations", "list").out == ""
        records = [each for block in database.audit_blocks.find() for each in block["records"]]
    kinds = [each["kind"] for each in records if each["kind"].startswith("operations.")]
    assert kinds == ["operations.registered", "operations.removed"]
