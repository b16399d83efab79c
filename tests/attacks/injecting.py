"""Values that would be more than values, in places where they get to a store: answered, and with no fault."""

import time
from collections.abc import AsyncIterator, Iterator
from random import Random
from typing import Any, Final

import httpx
import orjson
from graphql import build_client_schema, get_introspection_query

from tests.api.clients import Person
from tests.attacks.everywhere import attacks, decisions, imports
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
EACH: Final = 3
"""So many values for each argument that the schema has."""
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
    told = await http.post("/graphql", json={"query": get_introspection_query()}, headers=_bearer(who))
    for name, document, variables in attacks(build_client_schema(told.json()["data"]), EACH):
        answer = await ask(http, judge, {"query": document, "variables": variables}, who.token)
        yield Result(name, answer.kind, "-", answer.seconds, ", ".join(answer.faults))
    async for result in elsewhere(judge, http, who):
        yield result
    for each in BODIES:
        heard = await exchange(demo.host, demo.port, Sent((of(each.sent),), whole=True))
        found = statuses(heard.data)
        faults = [*judge.faults(heard.data, found), *([] if heard.ended else ["hangs"])]
        yield Result(each.name, str(found[0]) if found else "closed", "-", heard.seconds, ", ".join(faults))


async def elsewhere(judge: Judge, http: httpx.AsyncClient, who: Person) -> AsyncIterator[Result]:
    """Decisions for services, imports, and files by such names."""
    for name, text in TEXTS.items():
        for path, body in decisions(text, Random(name).choice(list(JSON.values()))):
            yield await _sent(judge, http, f"{path}: {name}", path, who, content=orjson.dumps(body))
        if name != "very long":
            yield await _sent(judge, http, f"a file: {name}", "/attachments", who, files={"file": (text, b"a file")})
    for form, file in imports():
        yield await _sent(judge, http, f"an import as {form}", f"/import?format={form}", who, content=file)


async def _sent(judge: Judge, http: httpx.AsyncClient, name: str, path: str, who: Person, **given: Any) -> Result:
    began = time.perf_counter()
    headers = _bearer(who) | ({} if "files" in given else {"Content-Type": "application/json"})
    answer = await http.post(path, headers=headers, **given)
    faults = judge.faults(answer.content, [answer.status_code])
    split = ["a header of its own"] if "a=b" in answer.headers.get("set-cookie", "") else []
    return Result(name, str(answer.status_code), "-", time.perf_counter() - began, ", ".join([*faults, *split]))


def _bearer(who: Person) -> dict[str, str]:
    return {"Authorization": f"Bearer {who.token}"}
