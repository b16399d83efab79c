"""Check = list = who has access = what a subscriber receives: the promise that may never break.

`make worlds` looks at as many worlds as one has time for; see CONTRIBUTING.
"""

import os
import sys
import time
from typing import Final

import pytest

from api.schema import build_schema
from resolvers.live import MemoryBroker
from tests.agreement.agreement import Agreement
from tests.agreement.rules import GROUP, world
from tests.agreement.stock import Stock, opened, stock
from tests.served import Served

WORLDS: Final = int(os.environ.get("WORLDS", "120"))
FROM: Final = int(os.environ.get("FROM", "0"))
"""Of a long run, the first: a world is always the same for its number."""
TOLD_EVERY: Final = 1_000


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A world's time stands still, and with it what changes by itself: a millisecond before that nobody is in time."""
    monkeypatch.setattr("resolvers.chat.standing.lasting", lambda access, followed: (None, None))


@pytest.mark.usefixtures("stopped_clock")
async def test_lists_holders_and_deliveries_are_what_a_check_allows(served: Served) -> None:
    schema, broker = build_schema(), MemoryBroker()
    cursors = await opened(served.services.tree, broker)
    stored: Stock | None = None
    differing: dict[int, str] = {}
    begun = time.monotonic()
    for seed in range(FROM, FROM + WORLDS):
        if stored is None or seed % GROUP == 0:
            stored = await stock(served.services.database, seed // GROUP, cursors)
        try:
            await Agreement(schema, served, broker, stored).hold(world(seed), seed, world(-1 - seed))
        except AssertionError as error:
            differing[seed] = str(error)
        if (seed + 1 - FROM) % TOLD_EVERY == 0:
            took = round(time.monotonic() - begun)
            sys.stdout.write(f"{seed + 1 - FROM} worlds from {FROM}, {len(differing)} differ, {took} s\n")
            sys.stdout.flush()
    assert not differing, f"FROM={next(iter(differing))} WORLDS=1 repeats the first of {len(differing)}"
