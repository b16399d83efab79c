"""What graphql-core cancels before it has begun is never awaited: a test that says so is the one that is told so."""

import gc
from collections.abc import Iterator

import pytest


def forgives(item: pytest.Item) -> bool:
    """Whether a test says that what it leaves was not awaited."""
    filters = [text for mark in item.iter_markers("filterwarnings") for text in mark.args]
    return any("Unraisable" in text or "never awaited" in text for text in filters)


@pytest.fixture(autouse=True)
def _abandoned(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have the garbage found while its filters hold: found within a later test, it would fail that one."""
    yield
    if forgives(request.node):
        gc.collect()
