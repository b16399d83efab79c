"""The same where nothing is compiled: graphql-core, which is the way back of everything, tells nobody more."""

from typing import Final

import pytest
from graphql import GraphQLSchema

from tests.examples import FIXED
from tests.isolation.asking import asker
from tests.isolation.conftest import unlimited
from tests.isolation.tenants import World
from tests.isolation.test_walk import walk_through

WHO: Final = ("bob",) if FIXED else ("bob", "carl", "guest")
"""Who may least, each for other reasons; in CI who owns something in the other tenant."""


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> GraphQLSchema:
    """In place of what is served otherwise."""
    schema = unlimited(compiles=False)
    monkeypatch.setattr("tests.served.schema", lambda: schema)
    return schema._schema


# What graphql-core cancels before it has begun is never awaited.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_nobody_is_told_more_where_nothing_is_compiled(world: World, graph: GraphQLSchema) -> None:
    assert not unlimited(compiles=False).compiles
    assert unlimited().compiles
    askers = [await asker(world, graph, who) for who in WHO]
    await walk_through(askers, graph)
    assert all(one.seen for one in askers)
