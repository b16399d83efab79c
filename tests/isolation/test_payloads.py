"""Whoever changes what he may: he is told nothing by the answer that the engine denies him."""

import json
from typing import Any

import pytest
from graphql import GraphQLSchema

from models.user import User
from tests.isolation.asking import Asker, asker
from tests.isolation.documents import operation
from tests.isolation.lawful import FRESH, POLICY, Done, acts
from tests.isolation.tenants import World
from tests.isolation.test_walk import through


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_changes_tell_what_the_engine_allows(world: World, graph: GraphQLSchema) -> None:
    done, found = Done(world), list[str]()
    for who, name, arguments in acts(world):
        try:
            one, given = await asker(world, graph, who), arguments(done)
        except (KeyError, StopIteration) as missing:
            found.append(f"{name} wants what was not told: {missing}")
        else:
            found += await changed(one, done, name, given)
    assert not found, "\n".join(each[:420] for each in found)
    assert graph.mutation_type is not None
    assert graph.mutation_type.fields.keys() <= done.told.keys()


async def changed(one: Asker, done: Done, name: str, given: Any) -> list[str]:
    """What is wrong with the answer, asked for all but what he is refused of such things."""
    await known(one, given.get("input", {}))
    asked = operation(one.graph, "mutation", name, 1, one.refused)
    answer = await one.ask(asked, given)
    told = (answer.body.get("data") or {}).get(name)
    if told is None:
        return [f"{one.name} {name}: {answer.body.get('errors')}"[:600]]
    done.told[name] = told
    if name == "createUser":
        made = await User.find_one({"display_name": FRESH})
        assert made is not None
        one.world.people[FRESH] = one.world.served.people[FRESH] = made
    if name == "putPolicy":
        promotion = await one.caller.ask("query ($name: String!) { policyPromotion(name: $name) { digest } }", **POLICY)
        done.told["digest"] = promotion.data["policyPromotion"]["digest"]
    await one.world.refresh()
    one.leaks.clear()  # what counts is what he may see now that it is changed
    one.judge = await one.world.judge(one.name)
    one.told(name, json.dumps([answer.body, dict(answer.headers)]), json.dumps(given))
    return [*one.leaks, *one.faults]


async def known(one: Asker, given: Any) -> None:
    """Fills `refused`: what may not be null, and would take the answer along."""
    before = one.refused
    for each in (one.world.chat_id("alice"), given.get("messageId"), given.get("conversationId")):
        if each and one.name != FRESH:
            one.refused = frozenset()
            await through(one, "node", {"id": each}, 1)
            before |= one.refused
    one.refused = before
