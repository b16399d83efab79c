"""`parley policy check` and `parley policy apply`."""

import asyncio
import secrets
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from api.propagation import CHANNEL
from models.embedded import EmbeddedStores
from resolvers.live import Event, RedisBroker
from tests.api.commands import SECRET, Here, Parley

SALES = (Path(__file__).parents[1] / "permissions/policy_files/sales.yaml").read_text()
FAILING = SALES.replace("    effect: allow\n    decided_by", "    effect: deny\n    decided_by")
COUNTED = "sales.yaml: 1 resource type, 2 roles, 2 policies; 4 tests pass"


@pytest.fixture
def parley(tmp_path: Path, stores: EmbeddedStores) -> Here:
    """The command line on an empty database, beside a policy file."""
    (tmp_path / "sales.yaml").write_text(SALES)
    name = f"cli-{secrets.token_hex(8)}"
    return Here(tmp_path, {"MONGODB_URI": stores.mongodb_uri, "REDIS_URL": stores.redis_url, "DATABASE": name})


def stored(parley: Here, collection: str) -> dict[Any, dict[str, Any]]:
    with MongoClient[dict[str, Any]](parley.variables["MONGODB_URI"]) as client:
        return {each["_id"]: each for each in client[parley.variables["DATABASE"]][collection].find()}


def test_a_file_is_checked_without_any_store(tmp_path: Path) -> None:
    alone = Parley(tmp_path, {"DATA_DIR": str(tmp_path / "data")})
    (tmp_path / "sales.yaml").write_text(SALES)
    outcome = alone("policy", "check", "sales.yaml")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out == f"{COUNTED}\nnot compared with a store\n"
    assert not (tmp_path / "data").exists()


def test_a_store_that_does_not_answer_is_done_without(tmp_path: Path) -> None:
    away = Parley(tmp_path, {"MONGODB_URI": "mongodb://127.0.0.1:1", "REDIS_URL": "redis://127.0.0.1:1"})
    (tmp_path / "sales.yaml").write_text(SALES)
    assert away("policy", "check", "sales.yaml").out == f"{COUNTED}\nnot compared with a store\n"


def test_a_failing_test_is_one_line_with_its_place_and_status_1(tmp_path: Path) -> None:
    (tmp_path / "sales.yaml").write_text(FAILING)
    outcome = Here(tmp_path)("policy", "check", "--offline", "sales.yaml")
    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (1, "", 1)
    line = FAILING[: FAILING.index("- name: a forecaster writes")].count("\n") + 1
    assert outcome.err.startswith(f"sales.yaml:{line}:5: test `a forecaster writes in his region`: wanted deny, but")


def test_what_is_wrong_is_told_a_line_each(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("roles: [{name: 1a}, {name: b, grants: [{action: moon:walk}]}]")
    outcome = Here(tmp_path)("policy", "check", "--offline", "bad.yaml")
    assert (outcome.status, outcome.err.count("\n")) == (1, 2)
    assert "bad.yaml:1:49: action: unknown type of resource: `moon`\n" in outcome.err


def test_wrong_usage_has_status_2(tmp_path: Path) -> None:
    assert Here(tmp_path)("policy", "check", "nothing.yaml").status == 2
    assert Here(tmp_path)("policy", "check").status == 2
    assert Here(tmp_path)("policy", "erase").status == 2


def test_applying_shows_the_difference_stores_all_of_it_and_does_it_once(parley: Here) -> None:
    first = parley("policy", "apply", "sales.yaml", "--yes")
    assert (first.status, first.err) == (0, "")
    assert "+ role forecaster\n" in first.out
    assert '    + grants: {"effect":"allow","action":"forecast:*"}\n' in first.out
    assert f"{COUNTED}; applied, revision 5\n" in first.out
    assert set(stored(parley, "policies")) == {"cleared_forecasts", "publish_with_mfa"}
    assert stored(parley, "policies")["publish_with_mfa"]["mode"] == "shadow"
    assert stored(parley, "permission_changes")[5]["reason"] == "parley policy apply sales.yaml"
    assert parley("policy", "apply", "sales.yaml", "--yes").out == f"{COUNTED}; nothing to change\n"
    assert parley("policy", "check", "sales.yaml").out == f"{COUNTED}\nnothing would change\n"


def test_check_shows_each_field_that_would_change(parley: Here) -> None:
    parley("policy", "apply", "sales.yaml", "--yes")
    changed = (
        SALES.replace("mode: shadow", "mode: enforce")
        .replace("    priority: 3\n", "")
        .replace("write, publish", "write")
    )
    changed = changed.replace("forecast:publish", "forecast:write").replace("effect: allow\n", "effect: deny\n")
    changed = changed.replace('    decided_by: ["role forecaster: allow forecast:read_write"]\n', "")
    (parley.directory / "sales.yaml").write_text(changed)
    outcome = parley("policy", "check", "sales.yaml")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.splitlines()[1:] == [
        "~ resource type forecast",
        '    - actions: "publish"',
        "~ role forecaster",
        "    - priority: 3",
        "~ policy publish_with_mfa",
        '    - actions: "forecast:publish"',
        '    + actions: "forecast:write"',
        '    ~ mode: "shadow" → "enforce"',
    ]
    assert stored(parley, "policies")["publish_with_mfa"]["mode"] == "shadow", "nothing was changed"


def test_a_refused_file_leaves_nothing_behind(parley: Here) -> None:
    (parley.directory / "sales.yaml").write_text(FAILING)
    assert parley("policy", "apply", "sales.yaml", "--yes").status == 1
    for collection in ("roles", "policies", "resource_types", "permission_changes"):
        assert stored(parley, collection) == {}


def test_nothing_is_applied_without_a_yes(parley: Here) -> None:
    outcome = parley("policy", "apply", "sales.yaml", typed="n\n")
    assert outcome.status == 1
    assert "Apply?" in outcome.out
    assert stored(parley, "roles") == {}
    assert parley("policy", "apply", "sales.yaml", typed="y\n").status == 0
    assert set(stored(parley, "roles")) == {"chief_forecaster", "forecaster"}


def test_nobody_applies_more_than_he_may_do_himself(parley: Here) -> None:
    parley("user", "create", "--email", "ann@example.org", typed="correct horse battery staple")
    outcome = parley("policy", "apply", "sales.yaml", "--yes", "--by", "ann@example.org")
    assert (outcome.status, outcome.err.count("\n")) == (1, 1)
    assert "nothing was changed: changes what others may do beyond what you may do yourself" in outcome.err
    assert stored(parley, "policies") == {}
    assert "no account has the address" in parley("policy", "apply", "sales.yaml", "--yes", "--by", "bob@x.org").err


def test_what_is_applied_stands_in_the_audit_log_where_its_key_is_known(parley: Here) -> None:
    keyed = Here(parley.directory, {**parley.variables, "SECRET_KEY": SECRET})
    assert keyed("policy", "apply", "sales.yaml", "--yes").status == 0
    assert "5 records in 1 blocks: nothing is wrong" in keyed("audit", "verify").out


async def test_the_workers_are_told_at_once(parley: Here, stores: EmbeddedStores) -> None:
    process = Parley(parley.directory, parley.variables)
    async with RedisBroker(stores.redis_url) as broker, broker.subscribe(CHANNEL) as news, asyncio.timeout(60):
        outcome = await asyncio.to_thread(process, "policy", "apply", "sales.yaml", "--yes")

        told = await anext(news)
        assert isinstance(told, Event)
        assert outcome.out.endswith(f"applied, revision {told.payload.decode()}\n")


def test_a_file_may_stand_on_roles_that_are_stored(parley: Here) -> None:
    (parley.directory / "more.yaml").write_text("roles: [{name: deputy, inherits: [chief_forecaster]}]")
    assert "unknown role `chief_forecaster`" in parley("policy", "apply", "more.yaml", "--yes").err
    parley("policy", "apply", "sales.yaml", "--yes")
    assert parley("policy", "apply", "more.yaml", "--yes").status == 0
