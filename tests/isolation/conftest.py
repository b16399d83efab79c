"""Fixtures: the world of two tenants, and a schema without limits, so that all of it may be asked for at once."""

from dataclasses import replace
from functools import cache

import pytest
from graphql import GraphQLSchema
from redis.asyncio import Redis

from api.documents.limits import DEFAULT_LIMITS, CostBudgets
from api.schema import Schema, build_schema
from models.database import Database
from tests.isolation.planting import plant
from tests.isolation.storing import Stored
from tests.isolation.tenants import World
from tests.served import Served

MANY = 10_000_000


@cache
def unlimited(*, compiles: bool = True, kind: type[Schema] = Schema) -> Schema:
    """All of it may be asked at once."""
    schema = build_schema(
        replace(
            DEFAULT_LIMITS,
            characters=MANY,
            tokens=MANY,
            aliases=MANY,
            fields=MANY,
            overlaps=MANY,
            repeats=MANY,
            costs=CostBudgets(MANY),
        ),
        compiles=compiles,
        kind=kind,
    )
    schema.documents._characters = MANY  # each is asked by everybody
    return schema


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> GraphQLSchema:
    """What is served in this test. All of it is compiled, also what is asked but once."""
    monkeypatch.setattr("tests.served.schema", unlimited)
    monkeypatch.setattr("api.compiler.compiled.SIGHTS", 1)
    return unlimited()._schema


@pytest.fixture(scope="session")
def stored() -> Stored:
    """Shared by all tests of a process."""
    return Stored()


@pytest.fixture
async def sown(stored: Stored, database: Database, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server will find when it starts: the world, if it was planted before, in place of the demo."""

    async def put() -> None:
        await stored.put(database, redis)

    if stored.world:
        monkeypatch.setattr("tests.served.demo", put)
        monkeypatch.setattr("tests.served.PEOPLE", ())  # they have other addresses there


@pytest.fixture
async def world(graph: GraphQLSchema, stored: Stored, sown: None, served: Served, redis: Redis) -> World:
    """Both tenants, planted."""
    if planted := stored.world:
        planted.served = served
        await planted.refresh()
        served.people.update(planted.people)
        return planted
    planted = World(served)
    await plant(planted)
    await stored.keep(planted, redis)
    return planted
