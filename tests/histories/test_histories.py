"""Any history of several writers, who die in the middle of what they do, comes to what the simplest model has.

`make histories` looks at as many as one has time for; see CONTRIBUTING.
"""

import os
import sys
import time
import traceback
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Final

import pytest

from models.database import Database
from models.tree import TreeLimits, deletion
from models.tree import lineage as lineage_module
from tests.histories.world import World

HISTORIES: Final = int(os.environ.get("HISTORIES", "4"))
FROM: Final = int(os.environ.get("FROM", "0"))
"""Of a long run, the first: who does what follows from the number; who is faster, of those at work at once, doesn't."""
TOLD_EVERY: Final = int(os.environ.get("TOLD_EVERY", "20"))


async def empty(database: Database) -> None:
    for name in await database.db.list_collection_names():
        if name != "migrations":
            await database.db[name].delete_many({})


async def history(database: Database, seed: int, directory: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The one of that number."""
    random = Random(seed)
    monkeypatch.setattr(deletion, "SETTLED", timedelta(0))  # once nobody is at work any more: see `World.check`
    monkeypatch.setattr(lineage_module, "FANOUT", random.randint(2, 4))
    limits = TreeLimits(random.randint(1, 4), random.choice((1, 900, 5_000)))
    world = World(database.db, limits, random, directory)
    try:
        await world.begin()
        for _ in range(random.randint(4, 16)):
            await world.round()
            if random.random() < 0.2:
                await world.check()
        await world.check()
    except Exception:
        sys.stdout.write("\n".join([f"history {seed}:", *world.told, ""]))
        raise
    return world


async def test_any_history_comes_to_what_its_model_has(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    differing: dict[int, str] = {}
    acts = deaths = 0
    begun = time.monotonic()
    for seed in range(FROM, FROM + HISTORIES):
        await empty(database)
        try:
            world = await history(database, seed, tmp_path, monkeypatch)
        except Exception as error:
            if HISTORIES == 1:
                raise
            differing[seed] = "".join(traceback.format_exception(error)[-3:])
            sys.stdout.write(differing[seed])
        else:
            acts, deaths = acts + world.done, deaths + world.deaths
        if (seed + 1 - FROM) % TOLD_EVERY == 0:
            took = round(time.monotonic() - begun)
            told = f"{seed + 1 - FROM} histories from {FROM}: {acts} acts, {deaths} deaths, {len(differing)} differ"
            sys.stdout.write(f"{told} {list(differing)[:20]}, {took} s\n")
            sys.stdout.flush()
    assert not differing, f"FROM={next(iter(differing))} HISTORIES=1 repeats the first of {len(differing)}"
