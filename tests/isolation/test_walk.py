"""Whoever asks whatever: he is told nothing that the engine denies him."""

import os
from collections.abc import Sequence
from typing import Any, Final

import pytest
from graphql import GraphQLSchema

from tests.isolation.asking import Asker, asker, pool
from tests.isolation.cursors import gathered, places, tried
from tests.isolation.documents import TIMES, Place, asked, operation, reachable
from tests.isolation.telling import telling
from tests.isolation.tenants import World

WALKS: Final = int(os.environ.get("WALKS", "0"))
"""So often each root field is asked by each, with arguments by chance."""
MANY: Final = 20
"""In so many an argument that need not be given is, once at least."""
FROM: Final = int(os.environ.get("FROM", "0"))
SINGLE: Final = frozenset({"me", "conversation", "node"})
WHO: Final = ("root", "admin", "alice", "bob", "sara", "john", "guest", "carl")


def everything(graph: GraphQLSchema) -> set[Place]:
    """All that can be reached from the roots of questions."""
    assert graph.query_type is not None
    return {place for each in graph.query_type.fields.values() for place in reachable(graph, each.type)}


def test_each_field_is_asked_for_from_each_root(graph: GraphQLSchema) -> None:
    for kind, root in (("query", graph.query_type), ("mutation", graph.mutation_type)):
        assert root is not None
        for name, one in root.fields.items():
            reached = reachable(graph, one.type)
            assert asked(operation(graph, kind, name).document, reached) == reached


# What graphql-core cancels before it has begun is never awaited.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_nobody_is_told_what_the_engine_denies_him(world: World, graph: GraphQLSchema) -> None:
    world.cursors = await gathered(world, graph) if WALKS else {}
    askers = [await asker(world, graph, who) for who in WHO]
    await walk_through(askers, graph)
    unseen = everything(graph) - askers[0].seen
    assert not unseen, "plant something that shows it, or name arguments in `telling`"


async def walk_through(askers: Sequence[Asker], graph: GraphQLSchema) -> None:
    """Have each of them ask every root field; none may fail, or tell what the engine denies."""
    assert graph.query_type is not None
    for name in graph.query_type.fields:
        for one in askers:
            await walk(one, graph, name)
    assert not [fault for one in askers for fault in one.faults]
    assert not [leak for one in askers for leak in one.leaks]


async def walk(one: Asker, graph: GraphQLSchema, name: str) -> None:
    """Ask for all of it, with arguments that tell something, and with others."""
    for given in telling(one.world, name):
        await through(one, name, given, TIMES if WALKS else 1)
    arguments = operation(graph, "query", name, 1).given
    sent = 0
    for number in range(FROM, FROM + WALKS):
        drawn = pool(one.world, f"{one.name} {name} {number}").arguments(arguments)
        sent += len(tried(drawn, one.world.cursors))
        await through(one, name, drawn, 1)
    assert sent or WALKS < MANY or not places(arguments), f"no cursor was tried in {name}"


async def through(one: Asker, name: str, given: dict[str, Any], times: int) -> None:
    """Ask for all but what he was refused: that may have taken along what was not.

    Of a single thing all is asked for; of a list what he is refused of one would hide the others.
    """
    if name in SINGLE:
        one.refused = frozenset()
    before = None
    while before != one.refused:
        before = one.refused
        asked = operation(one.graph, "query", name, times, one.refused)
        await one.ask(asked, {each: given[each] for each in given if each in asked.given})
