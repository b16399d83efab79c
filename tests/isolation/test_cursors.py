"""A place in a list, as somebody else was told it, opens nothing: it is refused, or goes on in one's own list."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from graphql import GraphQLSchema

from resolvers.ids import encode
from tests.isolation.asking import Asker, asker
from tests.isolation.documents import operation
from tests.isolation.telling import telling
from tests.isolation.tenants import World
from tests.isolation.test_twins import absent

GIVERS: Final = ("root", "alice", "bob")
TAKERS: Final = ("bob", "carl", "guest")
EACH: Final = 3
"""So many of a list, as each of them is told: the first, the last, and one between."""
PLACES: Final = ("after", "before")
MARKS: Final = ("cursor", "startCursor", "endCursor")


def marks(value: Any) -> Iterator[tuple[str, str]]:
    """Cursors in an answer, by the type of their edge or page."""
    if isinstance(value, list):
        for each in value:
            yield from marks(each)
    if isinstance(value, dict):
        for key, each in value.items():
            type_, _, name = key.partition("_")
            if name in MARKS and isinstance(each, str):
                yield type_, each
            yield from marks(each)


def places(given: Mapping[str, Any]) -> list[str]:
    """Arguments that take one, at whatever depth."""
    return [each for each in given if each.rpartition("_")[2] in PLACES]


async def told(world: World, graph: GraphQLSchema) -> dict[str, list[str]]:
    """All that the givers are told, by the list's root field and the edge's type, a few of each."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    assert graph.query_type is not None
    for who in GIVERS:
        one = await asker(world, graph, who)
        for name in graph.query_type.fields:
            asked = operation(graph, "query", name, 1)
            if places(asked.given):
                for given in telling(world, name)[:2]:
                    answer = await one.ask(asked, given)
                    some: dict[str, list[str]] = defaultdict(list)
                    for type_, mark in marks(answer.body.get("data")):
                        some[type_].append(mark)
                    for type_, each in some.items():
                        found[f"{name} {type_}"] |= dict.fromkeys((each[0], each[len(each) // 2], each[-1]))
    return {place: list(each) for place, each in found.items()}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_cursors_of_others_open_nothing(world: World, graph: GraphQLSchema) -> None:
    found = await told(world, graph)
    world.cursors = sorted({each for some in found.values() for each in some})
    assert graph.query_type is not None
    lists = {name for name in graph.query_type.fields if "after" in operation(graph, "query", name, 0).given}
    assert lists <= {place.partition(" ")[0] for place in found}
    for who in TAKERS:
        one = await asker(world, graph, who)
        for place, some in found.items():
            for each in some:
                await tried(one, place.partition(" ")[0], each)
        assert not one.leaks
        assert not one.faults


async def tried(one: Asker, name: str, mark: str) -> None:
    """In each list of the field at once, and of each way through it."""
    asked = operation(one.graph, "query", name, 0)
    for given in telling(one.world, name)[:1]:
        for where in ("after", "before"):
            here = {each: mark for each in places(asked.given) if each.rpartition("_")[2] == where}
            if here:
                await one.ask(asked, {**{key: given[key] for key in given if key in asked.given}, **here})


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
