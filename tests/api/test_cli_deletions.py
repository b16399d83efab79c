"""`parley purge` and `parley user erase`."""

import secrets
from pathlib import Path

import pytest

from models.embedded import EmbeddedStores
from tests.api.commands import Here

PASSWORD = "correct horse battery staple"


@pytest.fixture
def parley(tmp_path: Path, stores: EmbeddedStores) -> Here:
    """The command line on an empty database."""
    name = f"cli-{secrets.token_hex(8)}"
    return Here(tmp_path, {"MONGODB_URI": stores.mongodb_uri, "REDIS_URL": stores.redis_url, "DATABASE": name})


def test_purge_says_what_went(parley: Here) -> None:
    assert parley("migrate").status == 0
    purged = parley("purge")
    assert (purged.status, purged.out) == (0, "gone for good: 0 messages, 0 subtrees, 0 conversations\n")


def test_who_does_not_exist_cant_be_erased(parley: Here) -> None:
    outcome = parley("user", "erase", "--email", "nobody@example.org")
    assert outcome.status == 1
    assert outcome.err == "parley: no account `nobody@example.org`\n"
