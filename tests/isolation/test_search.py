"""What a search costs tells nobody of others' words: neither that there are any, nor how many."""

from typing import Final

import pytest
from graphql import GraphQLSchema

from tests.database_calls import database_calls
from tests.isolation.asking import Asker, asker
from tests.isolation.tenants import World

SEARCH: Final = """query ($q: String!, $filter: MessageSearchFilter) { searchMessages(query: $q, filter: $filter) {
  edges { node { id } snippet } complete pageInfo { hasNextPage endCursor } } }"""
NOWHERE: Final = "zq0123456789abqz"


def words_of(world: World, tenant: str) -> list[str]:
    """Words of messages that are there, in conversations of that owner."""
    return [
        world.canaries.word_of(f"words of {name}")
        for name, place in world.places.items()
        if place.chat == tenant and not place.removed and not place.tombstone
    ]


async def told(one: Asker, query: str) -> tuple[list[str], str]:
    """Calls of the database, and the answer without what was asked for."""
    with database_calls(own=True) as calls:
        answer = await one.caller.ask(SEARCH, q=query)
    return sorted(map(str, calls)), str(answer.body).replace(query, "")


@pytest.mark.parametrize(
    ("who", "tenant"), [("carl", "alice"), ("carl", "sara"), ("guest", "alice"), ("john", "sara"), ("bob", "sara")]
)
async def test_a_word_of_another_tenant_is_worked_for_like_one_of_nobody(
    world: World, graph: GraphQLSchema, who: str, tenant: str
) -> None:
    """By rule, as an owner, and with whom something is shared; by one message of theirs, by several, by most."""
    one = await asker(world, graph, who)
    await told(one, "common")  # what is read once is in memory
    nothing = await told(one, NOWHERE)
    words = words_of(world, tenant)
    for query in (*words[:3], f"common {words[0]}", f'"common {words[1]}"', f"{words[0]} -{words[1]}"):
        assert await told(one, query) == nothing
    assert nothing[1].count("node") == 0


async def test_who_sees_nothing_of_it_can_not_tell_how_common_a_word_is(world: World, graph: GraphQLSchema) -> None:
    """In the clerk's own tenant nobody has said it; in the other one nearly each message has."""
    one = await asker(world, graph, "carl")
    await told(one, "common")
    assert (await told(one, "common"))[0] == (await told(one, NOWHERE))[0]
