"""Fixtures: the world of two tenants, and a schema without limits, so that all of it may be asked for at once."""

from dataclasses import replace
from functools import cache

import pytest
from graphql import GraphQLSchema

from api.documents.limits import DEFAULT_LIMITS, CostBudgets
from api.schema import Schema, build_schema
from tests.isolation.planting import plant
from tests.isolation.tenants import World
from tests.served import Served

MANY = 10_000_000


@cache
def unlimited() -> Schema:
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
        )
    )
    schema.documents._characters = MANY  # each is asked by everybody
    return schema


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> GraphQLSchema:
    """What is served in this test."""
    monkeypatch.setattr("tests.served.schema", unlimited)
    return unlimited()._schema


@pytest.fixture
async def world(graph: GraphQLSchema, served: Served) -> World:
    """Both tenants, planted."""
    planted = World(served)
    await plant(planted)
    return planted
