"""Values that would be more than values, in places where they get to a store: answered, and with no fault."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import httpx

from tests.api.clients import Person
from tests.attacks.http import of
from tests.attacks.injection import BODIES, JSON, TEXTS
from tests.attacks.running import Result
from tests.demos import Demo
from tests.fuzz.exchange import Sent, exchange
from tests.fuzz.judging import Judge, statuses
from tests.fuzz.trials import ask

PLACES: Final = {
    "a search": "query ($v: String!) { searchMessages(query: $v, first: 1) { edges { node { id } } } }",
    "an id": "query ($v: ID!) { node(id: $v) { id } }",
    "a cursor": "query ($v: String!) { conversations(first: 1, after: $v) { edges { cursor } } }",
    "a role's name": "query ($v: String!) { role(name: $v) { name } }",
    "who is looked for": "query ($v: String!) { users(first: 1, search: $v) { edges { cursor } } }",
    "an address": 'mutation ($v: String!) { login(input: {email: $v, password: "not this one"}) { accessToken } }',
}
SET: Final = "mutation ($v: JSON!) { startConversation(input: {attributes: $v}) { conversation { id } } }"


def asked() -> Iterator[tuple[str, dict[str, Any]]]:
    """By name."""
    for place, query in PLACES.items():
        for name, text in TEXTS.items():
            yield f"{place}: {name}", {"query": query, "variables": {"v": text}}
    for name, value in JSON.items():
        yield f"attributes: {name}", {"query": SET, "variables": {"v": value}}


async def injections(demo: Demo, judge: Judge, http: httpx.AsyncClient, who: Person) -> AsyncIterator[Result]:
    """As somebody who may ask for all of it."""
    for name, body in asked():
        answer = await ask(http, judge, body, who.token)
        yield Result(name, answer.kind, "-", answer.seconds, ", ".join(answer.faults))
    for each in BODIES:
        heard = await exchange(demo.host, demo.port, Sent((of(each.sent),), whole=True))
        found = statuses(heard.data)
        faults = [*judge.faults(heard.data, found), *([] if heard.ended else ["hangs"])]
        yield Result(each.name, str(found[0]) if found else "closed", "-", heard.seconds, ", ".join(faults))
