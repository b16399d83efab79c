"""In which order several processes take the modules: what takes longest first, or the end would wait for it alone.

And what one of them takes as a whole: it would be set up in each.
"""

from collections import Counter
from pathlib import Path
from typing import Final

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

LONG: Final = (
    "conformance/test_conformance.py",  # npm installs for it, which takes a minute and more where it has no cache
    "api/test_crash.py",
    "api/persisted/test_npm_clients.py",
    "api/browser",
    "isolation/test_walk.py",
    "api/test_keys_of_workers.py",
    "api/test_serve.py",
    "isolation/test_twins.py",
    "isolation/test_subscriptions.py",
    "api/test_streaming_crash.py",
    "fuzz/test_schemathesis.py",
    "isolation/test_injection.py",
    "models/tree/test_crash.py",
    "models/transfer/parley/test_crashes.py",
    "api/test_ws_client.py",
    "api/test_cli_accounts.py",
    "api/assistant/test_processes.py",
    "agreement/test_one_answer.py",
    "histories/test_histories.py",
    "models/transfer/test_memory.py",
    "permissions/authn/revocation/test_redis_trouble.py",
    "resolvers/test_live_failover.py",
    "test_hanging.py",
)
"""Modules and folders that take ten seconds and more, or start processes and wait for them."""
WHOLE: Final = ("tests/api/browser/",)
"""Folders whose modules share a served demo."""
TESTS: Final = Path(__file__).parent


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a process a module at a time, or one of these folders."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in WHOLE if nodeid.startswith(folder)), nodeid.rsplit("::", 1)[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """Ours, where modules are given out."""
    return Scheduling(config, log) if config.getoption("dist") == "loadscope" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put long modules first, then those with many tests. One process alone keeps the order of the names.

    `make test` tells xdist to leave the order: its own puts modules of one test last, however long that takes.
    """
    if hasattr(config, "workerinput"):
        ranks = {TESTS / name: rank for rank, name in enumerate(LONG)}
        numbers = Counter(item.path for item in items)
        items.sort(key=lambda item: (_rank(ranks, item.path), -numbers[item.path]))


def _rank(ranks: dict[Path, int], path: Path) -> int:
    return next((ranks[each] for each in (path, path.parent) if each in ranks), len(ranks))
