"""In which order several processes take the modules: what takes longest first, or the end would wait for it alone."""

from collections import Counter
from pathlib import Path
from typing import Final

import pytest

LONG: Final = (
    "conformance/test_conformance.py",  # npm installs for it, which takes a minute and more where it has no cache
    "api/test_crash.py",
    "api/persisted/test_npm_clients.py",
    "api/browser/test_growing.py",
    "isolation/test_walk.py",
    "api/test_keys_of_workers.py",
    "api/test_serve.py",
    "isolation/test_twins.py",
    "api/test_streaming_crash.py",
    "fuzz/test_schemathesis.py",
    "isolation/test_injection.py",
    "models/tree/test_crash.py",
    "models/transfer/parley/test_crashes.py",
)
"""Modules that take ten seconds and more, or start processes and wait for them."""
TESTS: Final = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put long modules first, then those with many tests. One process alone keeps the order of the names.

    `make test` tells xdist to leave the order: its own puts modules of one test last, however long that takes.
    """
    if hasattr(config, "workerinput"):
        ranks = {TESTS / name: rank for rank, name in enumerate(LONG)}
        numbers = Counter(item.path for item in items)
        items.sort(key=lambda item: (ranks.get(item.path, len(ranks)), -numbers[item.path]))
