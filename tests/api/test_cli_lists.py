"""`parley lists repair`."""

import secrets
from pathlib import Path

from models.embedded import EmbeddedStores
from tests.api.commands import Here


def test_repair_says_how_many_were_not_found_by_what_they_are(tmp_path: Path, stores: EmbeddedStores) -> None:
    name = f"cli-{secrets.token_hex(8)}"
    parley = Here(tmp_path, {"MONGODB_URI": stores.mongodb_uri, "REDIS_URL": stores.redis_url, "DATABASE": name})
    repaired = parley("lists", "repair")
    expected = "0 conversations were found by what they no longer are, or not at all\n"
    assert (repaired.status, repaired.out) == (0, expected)
