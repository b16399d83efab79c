"""No value of a client's becomes an operator, a path, a pattern, a header or a line of the log."""

import hashlib
import json
import os
import re
from random import Random
from typing import Any, Final
from urllib.parse import quote, unquote

import orjson
import pytest
from graphql import GraphQLSchema

from api.logs import configure_logs
from api.settings import Settings
from models.attachments.names import file_name
from tests.api.attachments.conftest import Sender
from tests.attacks.everywhere import attacks, decisions, imports
from tests.attacks.injection import BODIES, JSON, LITERALS, MARK, TEXTS
from tests.database_calls import database_commands
from tests.isolation.monitors import injected, injected_in_redis, redis_commands, unruly
from tests.resolvers.chat.documents import start
from tests.served import Answer, Caller, Served

AS_JSON: Final = {"Content-Type": "application/json"}
DISPOSITION: Final = re.compile(
    r"(inline|attachment); filename=\"[ -!#$&-.0-\[\]-~]+\"; filename\*=UTF-8''[\w.~%-]+", re.ASCII
)
LONG: Final = 1_000
EACH: Final = int(os.environ.get("INJECTIONS", "1"))
"""So many values for each argument, by chance."""


async def post(caller: Caller, body: bytes) -> Answer:
    headers = {"Authorization": f"Bearer {caller.token}", "Content-Type": "application/json"}
    response = await caller.http.post("/graphql", content=body, headers=headers)
    return Answer(response.status_code, response.headers, response.json())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_what_is_sent_stays_a_value(
    graph: GraphQLSchema, served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    root, faults = await served.as_("root"), []
    configure_logs(Settings(log_format="json", log_level="info"))
    capsys.readouterr()
    with database_commands() as sent, redis_commands() as asked:
        await named(served)  # first: some of what is sent as root are rules
        for about, document, variables in attacks(graph, EACH):
            answer = await post(root, orjson.dumps({"query": document, "variables": variables}))
            if answer.status >= 500 or "INTERNAL_SERVER_ERROR" in answer.codes:
                faults.append((about, answer.body))
            assert not any(mark in value for value in answer.headers.values() for mark in "\r\n\0\x1b"), about
        log = capsys.readouterr().err
        for text in TEXTS.values():
            await elsewhere(served, root, text)
        await imported(served, root)
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
    http, token, chance = served.http, {"Authorization": f"Bearer {root.token}"}, Random(text)
    login = "mutation ($v: String!) { login(input: {email: $v, password: $v}) { expiresIn } }"
    known = {"version": 1, "sha256Hash": text}
    document = f"{{ node(id: {json.dumps(text[:500])}) {{ id }} }}"
    digest = hashlib.sha256(document.encode()).hexdigest()
    fresh = {"query": document, "extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}}
    client = {"grant_type": "client_credentials", "client_id": text, "client_secret": text}
    answers = [
        await http.post("/graphql", json={"query": login, "variables": {"v": text}}),
        await http.post("/graphql", json={"extensions": {"persistedQuery": known}}, headers=token),
        await http.post("/graphql", json=fresh, headers=token),
        await http.post("/graphql", json={"documentId": text, "operationName": text}, headers=token),
        *[
            await http.post(path, content=orjson.dumps(asked), headers={**token, **AS_JSON})
            for path, asked in decisions(text, chance.choice(list(JSON.values())))
        ],
        await http.post("/oauth/token", data=client),
        await http.get(f"/attachments/{quote(text[:500], safe='')}", headers=token),
        await http.get("/export", params={"format": text[:500]}, headers=token),
    ]
    decided = [each for each in answers if each.url.path.startswith("/access")]
    assert len(text) > LONG or any(each.status_code == 200 for each in decided), text
    for each in answers:
        assert each.status_code < 500, (each.url, text[:50])
        assert not any(mark in value for value in each.headers.values() for mark in "\r\n\0\x1b"), each.url
        if MARK in text and not each.url.path.startswith("/graphql"):
            assert MARK not in str(dict(each.headers)), each.url


async def imported(served: Served, root: Caller) -> None:
    """Each file is read to its end."""
    for form, file in imports():
        headers = {"Authorization": f"Bearer {root.token}"}
        answer = await served.http.post("/import", params={"format": form}, content=file, headers=headers)
        last = json.loads(answer.text.splitlines()[-1])
        assert (answer.status_code, last["type"]) == (200, "summary"), last
        assert last["imported"] > 0, answer.text


async def named(served: Served) -> None:
    """Files are sent under such names, and come back under harmless ones, which are one header."""
    alice = await served.as_("alice")
    sender = Sender(alice, await start(alice))
    files = {}
    for text in (each for each in TEXTS.values() if len(each) < LONG):
        message = await sender.attached(b"a file", text)
        files[message["attachments"][0]["id"]] = text
    for id_ in files:
        answer = await sender.get(id_)
        assert answer.status_code == 200
        told = answer.headers["content-disposition"]
        assert DISPOSITION.fullmatch(told), told
        name = unquote(told.rpartition("''")[2])
        assert file_name(name) == name, files[id_]


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
