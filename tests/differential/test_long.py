"""As many executions as wanted: `make differential` has several processes run this.

What was told before is gone on from: a process that ended is begun anew.
"""

import gc
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final

import pytest

from tests.benchmarks.servers import cpu_seconds
from tests.differential import broken
from tests.differential.executing import Executors
from tests.differential.pipelines import Pipelines
from tests.differential.rounds import (
    Rounds,
    everybody,
    of_broken,
    of_names,
    of_pipelines,
    of_restored,
    of_several,
    of_streams,
    of_world,
)
from tests.differential.shards import Part, Shard
from tests.differential.stock import Stock
from tests.differential.streams import Streams

CHUNK: Final = 1_000
SHARES: Final = {
    "broken resolvers": 0.85,
    "our schema": 0.08,
    "our schema, several operations": 0.02,
    "our schema, all the way": 0.02,
    "our schema, all the way, names of operations": 0.01,
    "our schema, streams": 0.01,
    "our schema, mutations": 0.01,
}
"""Of each chunk: what touches no store is quick."""
COLLECTED: Final = 50_000
"""Objects that are made before it is looked which of them are garbage."""


@pytest.mark.benchmark
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore:coroutine .* was never awaited:RuntimeWarning"
)
async def test_many(executors: Executors, pipelines: Pipelines, streams: Streams, stock: Stock) -> None:
    shard = Shard.own()
    some = all_kinds(executors, pipelines, streams, stock)
    parts = {name: Part() for name in some} | shard.heard()
    for name, rounds in some.items():
        rounds.tally = parts[name].tally
    chance = Random(f"{shard.seed} {shard.number} {executed(parts)}")
    with few_collections():
        while executed(parts) < shard.executions:
            for name, share in SHARES.items():
                own, stores = time.process_time(), cpu_seconds(children(os.getpid()))
                await some[name].run(chance, round(CHUNK * share))
                parts[name].seconds += time.process_time() - own
                parts[name].stores += cpu_seconds(children(os.getpid())) - stores
            shard.tell(parts)
            if any(part.tally.found for part in parts.values()):
                break
    assert not [each for part in parts.values() for each in part.tally.found]


def all_kinds(executors: Executors, pipelines: Pipelines, streams: Streams, stock: Stock) -> dict[str, Rounds]:
    """By name."""
    ours = (
        of_world(executors, stock),
        of_several(replace(executors), stock),
        of_pipelines(pipelines, stock),
        of_names(replace(pipelines), stock),
        of_streams(streams, stock),
    )
    for rounds in ours:
        rounds.ask, rounds.varies = everybody, True
    every = of_broken(Executors(broken.schema, broken.Contexts())), *ours, of_restored(replace(executors), stock)
    return dict(zip(SHARES, every, strict=True))


def executed(parts: dict[str, Part]) -> int:
    """So far, of all kinds."""
    return sum(part.tally.executions for part in parts.values())


def children(pid: int) -> list[int]:
    """A process's, and theirs; none where there is no `/proc`."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    own = [int(each) for some in lists for each in some.read_text().split()]
    return [*own, *(each for one in own for each in children(one))]


@contextmanager
def few_collections() -> Iterator[None]:
    """What is there stays there: to look through it again and again costs a tenth of all."""
    usual = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECTED, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()
