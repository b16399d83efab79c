"""Fixtures: the planted world, at one moment."""

import time

import pytest

from tests.differential.executing import Executors
from tests.differential.people import People, still
from tests.differential.pipelines import Pipelines
from tests.differential.stock import Stock
from tests.differential.strawberrys import Strawberrys
from tests.differential.streams import Streams
from tests.isolation.conftest import graph, sown, stored, unlimited, world
from tests.isolation.tenants import World

__all__ = ["graph", "sown", "stored", "world"]


@pytest.fixture
async def executors(world: World, monkeypatch: pytest.MonkeyPatch) -> Executors:
    """For everybody there is in it."""
    people = await People.of(world)
    still(monkeypatch, time.time_ns())
    monkeypatch.setattr(world.served.services.broker.pacer, "_seconds", 0)  # news of lists are told at once
    return Executors(unlimited(), people)


@pytest.fixture
def stock(world: World) -> Stock:
    """What there is in it."""
    return Stock(unlimited()._schema, world)


@pytest.fixture
def pipelines(executors: Executors) -> Pipelines:
    """The same people, by the whole way."""
    return Pipelines(unlimited(), executors.contexts, off=unlimited(compiles=False, kind=Strawberrys))


@pytest.fixture
def streams(executors: Executors, monkeypatch: pytest.MonkeyPatch) -> Streams:
    """The same people, who listen."""
    some = Streams(unlimited(), executors.contexts, off=unlimited(compiles=False, kind=Strawberrys))
    for schema in (unlimited(), some.off):
        for field, subscribed in some.listen(schema):
            monkeypatch.setattr(field, "subscribe", subscribed)
    return some
