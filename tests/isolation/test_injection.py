"""No value of a client's becomes an operator, a path, a pattern, a header or a line of the log."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, Final
from urllib.parse import quote

import orjson
import pytest
from graphql import GraphQLSchema

from api.logs import configure_logs
from api.settings import Settings
from resolvers.ids import encode
from tests.attacks.injection import BODIES, JSON, LITERALS, MARK, TEXTS
from tests.database_calls import database_commands
from tests.isolation.arguments import Pool, listed, paths
from tests.isolation.documents import operation
from tests.isolation.monitors import injected, injected_in_redis, redis_commands, unruly
from tests.served import Answer, Caller, Served

EACH: Final = int(os.environ.get("INJECTIONS", "1"))
"""So many values for each argument, by chance."""
NOBODY: Final = encode("User", "0" * 24)
KINDS: Final[Mapping[str, Mapping[str, Any]]] = {"ID": TEXTS, "String": TEXTS, "JSON": {**JSON, **TEXTS}}


async def post(caller: Caller, body: bytes) -> Answer:
    headers = {"Authorization": f"Bearer {caller.token}", "Content-Type": "application/json"}
    response = await caller.http.post("/graphql", content=body, headers=headers)
    return Answer(response.status_code, response.headers, response.json())


def attacks(graph: GraphQLSchema) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each root field, with something hostile in one of its arguments."""
    for kind, root in (("query", graph.query_type), ("mutation", graph.mutation_type)):
        assert root is not None
        for name in root.fields:
            asked = operation(graph, kind, name, 0)
            for type_, values in KINDS.items():
                for path in paths(asked.field.args, type_):
                    where = ".".join(path)
                    chance = Random(f"{name} {where}")
                    for one in chance.sample(list(values), min(EACH, len(values))):
                        value = [values[one]] if listed(asked.field.args, path) else values[one]
                        given = Pool({"User": [NOBODY]}, ["x"], chance, 0).arguments(
                            asked.field.args, (), **{where: value}
                        )
                        yield f"{one} as {name} {where}", asked.document, given


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_what_is_sent_stays_a_value(
    graph: GraphQLSchema, served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    root, faults = await served.as_("root"), []
    configure_logs(Settings(log_format="json", log_level="info"))
    capsys.readouterr()
    with database_commands() as sent, redis_commands() as asked:
        for about, document, variables in attacks(graph):
            answer = await post(root, orjson.dumps({"query": document, "variables": variables}))
            if answer.status >= 500 or "INTERNAL_SERVER_ERROR" in answer.codes:
                faults.append((about, answer.body))
            assert not any(mark in value for value in answer.headers.values() for mark in "\r\n\0\x1b"), about
        log = capsys.readouterr().err
        for text in TEXTS.values():
            await elsewhere(served, root, text)
    configure_logs(Settings(log_level="error"))
    assert faults == []
    assert any(MARK in str(argument) for command in asked for argument in command)
    assert [found for command in asked for found in injected_in_redis(command)] == []
    assert [(each.name, each.collection, found) for each in sent for found in injected(each.body)] == []
    assert len(log.splitlines()) > 100
    assert unruly(log) == []
    assert unruly(capsys.readouterr().err.replace(MARK, "")) == []  # a path is logged, as a value


async def elsewhere(served: Served, root: Caller, text: str) -> None:
    """Where it is a key, if anywhere: of accounts that are tried, documents, clients, decisions, files."""
    http, token = served.http, {"Authorization": f"Bearer {root.token}"}
    login = "mutation ($v: String!) { login(input: {email: $v, password: $v}) { expiresIn } }"
    known = {"version": 1, "sha256Hash": text}
    document = f"{{ node(id: {json.dumps(text[:500])}) {{ id }} }}"
    digest = hashlib.sha256(document.encode()).hexdigest()
    fresh = {"query": document, "extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}}
    asked = {"subject": {"type": "user", "id": text}, "action": {"name": text}, "resource": {"type": text, "id": text}}
    client = {"grant_type": "client_credentials", "client_id": text, "client_secret": text}
    answers = [
        await http.post("/graphql", json={"query": login, "variables": {"v": text}}),
        await http.post("/graphql", json={"extensions": {"persistedQuery": known}}, headers=token),
        await http.post("/graphql", json=fresh, headers=token),
        await http.post("/graphql", json={"documentId": text, "operationName": text}, headers=token),
        await http.post("/access/v1/evaluation", json=asked, headers=token),
        await http.post("/access/v1/search/subject", json=asked, headers=token),
        await http.post("/oauth/token", data=client),
        await http.get(f"/attachments/{quote(text[:500], safe='')}", headers=token),
        await http.get("/export", params={"format": text[:500]}, headers=token),
    ]
    for each in answers:
        assert each.status_code < 500, (each.url, text[:50])
        assert not any(mark in value for value in each.headers.values() for mark in "\r\n\0\x1b"), each.url
        if MARK in text and not each.url.path.startswith("/graphql"):
            assert MARK not in str(dict(each.headers)), each.url


async def test_json_that_no_store_takes_is_refused(graph: GraphQLSchema, served: Served) -> None:
    root = await served.as_("root")
    for body in BODIES:
        answer = await post(root, body.sent)
        assert (body.name, answer.status < 500, "INTERNAL_SERVER_ERROR" in answer.codes) == (body.name, True, False)
    for name, literal in LITERALS.items():
        for document in (
            "mutation { startConversation(input: {attributes: {a: %s}}) { conversation { id } } }",
            'query { conversations(filter: {attributes: [{name: "a", equals: %s}]}) { edges { cursor } } }',
            'query { checkPermission(input: {action: "sales_data:read", resource: {type: "sales_data", '
            "attributes: {region: %s}}, environment: {a: %s}}) { allowed } }",
        ):
            answer = await root.ask(document.replace("%s", literal))
            assert (name, answer.status < 500, "INTERNAL_SERVER_ERROR" in answer.codes) == (name, True, False)


@pytest.mark.parametrize(
    "command",
    [
        {"find": "users", "filter": {"email": {f"${MARK}": 1}}},
        {"aggregate": "users", "pipeline": [{"$match": {f"a.{MARK}": 1}}]},
        {"aggregate": "users", "pipeline": [{"$project": {"a": f"${MARK}"}}]},
        {"update": "users", "updates": [{"q": {}, "u": [{"$set": {"a": f"${MARK}"}}]}]},
        {"find": "users", "filter": {"name": {"$regex": f".*{MARK}"}}},
        {"find": "users", "filter": {"$where": "1"}},
    ],
)
def test_the_monitor_sees_what_is_more_than_a_value(command: dict[str, Any]) -> None:
    assert list(injected(command))


@pytest.mark.parametrize(
    "command",
    [
        ("GET", f"parley:{MARK}"),
        ("SET", f"parley:{MARK}", "1"),
        ("SCAN", "0", "MATCH", f"*{MARK}*"),
        ("EVALSHA", "0" * 40, 1, f"{MARK}:key", "value"),
        ("EVALSHA", "0" * 40, 1, "key", f"parley:{MARK}".encode()),
        ("EVAL", f"return '{MARK}'", 0),
        ("KEYS", "*"),
    ],
)
def test_the_monitor_of_redis_sees_what_is_more_than_a_value(command: tuple[Any, ...]) -> None:
    assert list(injected_in_redis(command))


def test_the_monitor_of_redis_lets_values_be() -> None:
    assert not list(injected_in_redis(("EVALSHA", "0" * 40, 1, "key", MARK)))
    assert not list(injected_in_redis(("SET", "key", MARK)))


def test_the_monitor_lets_values_be() -> None:
    values = {"q": {"name": f"${MARK}"}, "u": [{"$set": {"a": {"$literal": {f"${MARK}": f"${MARK}"}}}}]}
    assert not list(injected({"update": "users", "updates": [values, {"q": {}, "u": {"$set": {"a": f"${MARK}"}}}]}))
    assert unruly('{"event": "request"}\n') == []
    assert len(unruly(f'{{"event": "{MARK}"}}\nno record\n{{"event": "\x1b[31m"}}\n')) == 3
