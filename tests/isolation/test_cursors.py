"""A place in a list, as somebody else was told it, opens nothing: it is refused, or goes on in one's own list."""

import json
from collections import Counter
from random import Random
from typing import Final

import pytest
from graphql import GraphQLSchema

from resolvers.ids import encode
from tests.isolation.arguments import PLACES
from tests.isolation.asking import Asker, asker, pool
from tests.isolation.cursors import gathered, places, tried
from tests.isolation.documents import operation
from tests.isolation.telling import telling
from tests.isolation.tenants import World
from tests.isolation.test_twins import absent

TAKERS: Final = ("bob", "carl", "guest")
OTHERS: Final = 1
"""So many cursors of other lists for each list, by chance."""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_cursors_of_others_open_nothing(world: World, graph: GraphQLSchema) -> None:
    found, chance = await gathered(world, graph), Random(0)
    assert graph.query_type is not None
    lists = {name for name in graph.query_type.fields if "after" in operation(graph, "query", name, 0).given}
    assert lists <= {place.partition(" ")[0] for place in found}
    sent = Counter[str]()
    for who in TAKERS:
        one = await asker(world, graph, who)
        for name in sorted({place.partition(" ")[0] for place in found}):
            own = [each for place, some in found.items() if place.startswith(f"{name} ") for each in some]
            others = [each for place, some in found.items() if not place.startswith(f"{name} ") for each in some]
            for each in (*own, *chance.sample(others, OTHERS)):
                sent[name] += await put(one, name, each)
        assert not one.leaks
        assert not one.faults
    assert all(sent[name] >= len(TAKERS) * (1 + OTHERS) for name in lists), sent
    world.cursors = found
    drawn_for_each_list(world, graph, lists)


def drawn_for_each_list(world: World, graph: GraphQLSchema, lists: set[str]) -> None:
    """What walks by chance draw from has cursors of all lists, for each of them."""
    for name in lists:
        given, drawn = operation(graph, "query", name, 1).given, set[str]()
        for number in range(100):
            asked = pool(world, f"{name} {number}").arguments(given)
            drawn |= {other for _, other in tried(asked, world.cursors)}
        assert len(drawn - {name}) >= len(lists) // 2, name


async def put(one: Asker, name: str, mark: str) -> int:
    """In each list of the field at once, and of each way through it. Return in how many documents it was sent."""
    asked, sent = operation(one.graph, "query", name, 0), 0
    for given in telling(one.world, name)[:1]:
        for where in PLACES:
            here = {each: mark for each in places(asked.given) if each.rpartition("_")[2] == where}
            if here:
                await one.ask(asked, {**{key: given[key] for key in given if key in asked.given}, **here})
                sent += 1
    return sent


MESSAGES: Final = (
    "query ($id: ID!, $at: String) { conversation(id: $id) { messages(%s: $at, %s: 2) { edges { cursor } pageInfo "
    "{ hasNextPage hasPreviousPage startCursor endCursor } } } }"
)


@pytest.mark.parametrize(("where", "size"), [("after", "first"), ("before", "last")])
async def test_a_hidden_message_is_no_place_in_a_branch(
    world: World, graph: GraphQLSchema, where: str, size: str
) -> None:
    """Bob sees a branch of hers: a message on another, or one that was removed, is no more than one that never was."""
    one, chat = await asker(world, graph, "bob"), world.chat_id("alice")
    for name in ("m1", "m2", "edited", "tomb", "gone"):
        hidden, answers = world.known["alice"][name], []
        for each in (hidden, absent(one, hidden)):
            answer = await one.caller.ask(MESSAGES % (where, size), id=chat, at=each)
            answers.append(json.dumps(answer.body).replace(each, "ID"))
        assert answers[0] == answers[1], name


HOLDERS: Final = (
    'query ($id: ID!, $at: String) { whoHasAccess(action: "conversation:read", '
    'resource: {type: "conversation", id: $id}, after: $at) { edges { cursor } pageInfo { hasNextPage endCursor } } }'
)


async def test_an_account_that_one_may_not_ask_about_is_no_place_among_holders(
    world: World, graph: GraphQLSchema
) -> None:
    """Else what follows it would tell that it is there, and how its address begins."""
    one, told = await asker(world, graph, "carl"), []
    for user in (world.people["alice"].id, "f" * 24, world.people["bob"].id):
        answer = await one.caller.ask(HOLDERS, id=world.chat_id("bob"), at=encode("AccessHolder", user))
        told.append(answer.body)
    assert told[0] == told[1]
    assert "errors" not in told[2]
