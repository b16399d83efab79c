"""As many executions as wanted: `make differential` has several processes run this."""

import time
from dataclasses import replace
from random import Random
from typing import Final

import pytest

from tests.differential import broken
from tests.differential.executing import Executors
from tests.differential.pipelines import Pipelines
from tests.differential.rounds import (
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

CHUNK: Final = 200
SHARES: Final = {
    "broken resolvers": 0.82,
    "our schema": 0.07,
    "our schema, several operations": 0.02,
    "our schema, all the way": 0.03,
    "our schema, all the way, names of operations": 0.02,
    "our schema, streams": 0.02,
    "our schema, mutations": 0.02,
}
"""Of each chunk: what touches no store is quick."""


@pytest.mark.benchmark
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore:coroutine .* was never awaited:RuntimeWarning"
)
async def test_many(executors: Executors, pipelines: Pipelines, streams: Streams, stock: Stock) -> None:
    shard = Shard.own()
    some = dict(
        zip(
            SHARES,
            (
                of_broken(Executors(broken.schema, broken.Contexts())),
                of_world(executors, stock),
                of_several(replace(executors), stock),
                of_pipelines(pipelines, stock),
                of_names(replace(pipelines), stock),
                of_streams(streams, stock),
                of_restored(replace(executors), stock),
            ),
            strict=True,
        )
    )
    parts = {name: Part(rounds.tally) for name, rounds in some.items()}
    chance = Random(f"{shard.seed} {shard.number}")
    while sum(part.tally.executions for part in parts.values()) < shard.executions:
        for name, share in SHARES.items():
            began = time.process_time()
            await some[name].run(chance, round(CHUNK * share))
            parts[name].seconds += time.process_time() - began
        shard.tell(parts)
        if any(part.tally.found for part in parts.values()):
            break
    assert not [each for part in parts.values() for each in part.tally.found]
