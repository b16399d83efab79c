"""Schema, suggestions and faults are kept from the same people on sockets and event streams; no query is logged."""

import json
from typing import Final

import pytest

from api.logs import configure_logs
from api.settings import Settings
from tests.api.test_socket_expiry import listening, opened
from tests.attacks.injection import MARK
from tests.isolation.monitors import unruly
from tests.served import Caller, Served

SCHEMA = "{ __schema { queryType { name } } }"
MEANT = "{ me { displayNam } }"
SENT: Final[list[tuple[str, dict[str, object]]]] = [
    (f'{{ node(id: "{MARK}") {{ id }} }}', {}),
    (f"{{ me {{ {MARK} }} }}", {}),
    (f"{{ {MARK}", {}),
    ("query ($v: ID!) { node(id: $v) { id } }", {"v": MARK}),
    ("query ($v: JSON) { effectivePermissions(environment: $v) { at } }", {"v": {f"a.{MARK}": 1}}),
]


async def events(caller: Caller, query: str, variables: object) -> str:
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {caller.token}"}
    body = {"query": query, "variables": variables}
    return (await caller.http.post("/graphql", json=body, headers=headers)).text


async def frames(address: str, caller: Caller, asked: list[tuple[str, dict[str, object]]]) -> list[str]:
    async with opened(address, caller.token or "") as socket:
        answers = []
        for number, (query, variables) in enumerate(asked):
            payload = {"query": query, "variables": variables}
            await socket.send(json.dumps({"type": "subscribe", "id": str(number), "payload": payload}))
            while (told := json.loads(await socket.recv()))["type"] not in ("next", "error"):
                pass
            answers.append(json.dumps(told))
        return answers


async def test_the_schema_and_its_words_are_kept_everywhere(served: Served) -> None:
    alice, admin = await served.as_("alice"), await served.as_("admin")
    asked: list[tuple[str, dict[str, object]]] = [(SCHEMA, {}), (MEANT, {})]
    async with listening(served) as address:
        for caller, allowed in ((alice, False), (admin, True)):
            streamed = [await events(caller, query, variables) for query, variables in asked]
            for schema, meant in (streamed, await frames(address, caller, asked)):
                assert ('"queryType"' in schema) is allowed
                assert ("FORBIDDEN" in schema) is not allowed
                assert ("Did you mean" in meant) is allowed


async def test_no_query_and_no_variable_is_logged(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    alice = await served.as_("alice")
    async with listening(served) as address:
        configure_logs(Settings(log_format="json", log_level="info"))
        capsys.readouterr()
        for query, variables in SENT:
            await alice.ask(query, **variables)
            await events(alice, query, variables)
        await frames(address, alice, SENT)
        configure_logs(Settings(log_level="error"))
    log = capsys.readouterr().err
    assert len(log.splitlines()) >= 2 * len(SENT)
    assert unruly(log) == []
