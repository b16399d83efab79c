"""Each limit, at it, one below and one over; over HTTP, as an event stream and on a socket."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, cast

import httpx
import pytest
from graphql import GraphQLError, get_introspection_query, parse
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route, WebSocketRoute

from api.documents.limits import DEFAULT_LIMITS, DocumentLimits
from api.documents.measure import measure, problem
from api.execution import Question, find
from api.execution import refused as refused_
from api.graphql import Endpoint
from api.requests import RequestLog
from api.schema import SINGLE, Schema, build_schema
from api.settings import Settings
from tests.api.test_socket_expiry import listening, opened
from tests.attacks.documents import fragments
from tests.served import Served

LOW: Final = DocumentLimits(
    characters=400,
    tokens=100,
    depth=5,
    aliases=3,
    directives=2,
    fields=12,
    root_fields=4,
    operations=2,
    name_characters=20,
    repeats=6,
    variables=2,
    variable_bytes=100,
    variable_values=8,
    variable_depth=3,
)
SCHEMA: Final = build_schema(LOW)
ROOT: Final = Path(__file__).parents[3]


@dataclass(frozen=True)
class Case:
    """What has so many of what is limited."""

    limit: str
    document: Callable[[int], str] = lambda _: "{ __typename }"
    variables: Callable[[int], Mapping[str, Any]] = field(default=lambda _: {})
    code: str = "QUERY_TOO_COMPLEX"

    @property
    def at(self) -> int:
        """The limit."""
        found: int = getattr(LOW, self.limit)
        return found

    def sent(self, count: int) -> dict[str, Any]:
        """The body of a request."""
        name = "q0" if self.limit == "operations" else None
        return {"query": self.document(count), "variables": self.variables(count), "operationName": name}

    def refused(self, errors: Any) -> bool:
        """Whether an answer with these errors tells that it is too much, with code and figure."""
        told = [each["extensions"] for each in errors or () if "limit" in each["extensions"]]
        if told:
            assert told == [{"code": self.code, "limit": self.limit, "maximum": self.at}]
        return bool(told)


def _depth(depth: int) -> str:
    names = ["me", "roleAssignments", "user", "roleAssignments", "user"][: depth - 1]
    return "{ " + "".join(f"{name} {{ " for name in names) + "__typename" + " }" * len(names) + " }"


def _value(depth: int) -> Any:
    return [_value(depth - 1)] if depth > 1 else "x"


def _spread(count: int) -> str:
    """Aliases in a fragment, two to a place where it is spread."""
    return (
        "{ ...f "
        + "...f " * (count > 3)
        + "c: __typename " * (count == 3)
        + "} fragment f on Query { a: me { b: id } }"
    )


CASES: Final = (
    Case("characters", lambda n: "{ __typename } #" + "x" * (n - 16), code="PAYLOAD_TOO_LARGE"),
    Case("tokens", lambda n: "{ nodes(ids: [" + '"a" ' * (n - 12) + "]) { id } }"),
    Case("depth", _depth),
    Case("aliases", lambda n: "{ me { " + " ".join(f"a{each}: id" for each in range(n)) + " } }"),
    Case("aliases", _spread),
    Case("directives", lambda n: "{ " + " ".join(f"a{each}: __typename @skip(if: false)" for each in range(n)) + " }"),
    Case("fields", lambda n: "{ me { " + "id " * 6 + "email " * (n - 7) + "} }"),
    Case("root_fields", lambda n: "{ " + "__typename " * n + "}"),
    Case("root_fields", lambda n: "{ ...f ...f " + "__typename " * (n - 2) + "} fragment f on Query { __typename }"),
    Case("operations", lambda n: " ".join(f"query q{each} {{ __typename }}" for each in range(n))),
    Case("name_characters", lambda n: "{ " + "a" * n + " }"),
    Case("name_characters", lambda n: "{ " + "a" * n + ": __typename }"),
    Case("repeats", lambda n: "{ me { " + "id " * n + "} }"),
    Case("variables", variables=lambda n: {f"v{each}": each for each in range(n)}),
    Case("variable_bytes", variables=lambda n: {"v": "x" * n}, code="PAYLOAD_TOO_LARGE"),
    Case("variable_bytes", variables=lambda n: {"v": "ü" * (n // 2) + "x" * (n % 2)}, code="PAYLOAD_TOO_LARGE"),
    Case("variable_values", variables=lambda n: {"v": [1] * (n - 1)}),
    Case("variable_depth", variables=lambda n: {"v": _value(n)}),
)
TIMES: Final = ((-1, False), (0, False), (1, True))


class Nobody:
    """Who asks, of whom nothing is known."""

    async def renew(self) -> None:
        """He is who he was."""


async def judged(
    schema: Schema, text: str, variables: dict[str, Any] | None = None, name: str | None = None
) -> list[GraphQLError]:
    """Why it is not executed, as clients are told."""
    asked = Question(text, variables, name, cast(Any, Nobody()), SINGLE)
    return refused_(schema, asked, await find(schema, asked)).errors or []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.limit)
async def test_a_limit_is_what_is_let_pass(case: Case) -> None:
    for more, refused in TIMES:
        sent = case.sent(case.at + more)
        errors = await judged(SCHEMA, sent["query"], dict(sent["variables"]), sent["operationName"])
        assert case.refused([each.formatted for each in errors]) is refused, errors


def serving(served: Served, schema: Schema) -> Starlette:
    """The same server, with another schema."""
    endpoint = Endpoint(schema, demo=False)
    routes = [Route("/graphql", endpoint), WebSocketRoute("/graphql", endpoint)]
    app = Starlette(routes=routes, middleware=[Middleware(RequestLog)])
    app.state.services, app.state.connections = served.services, endpoint.connections
    return app


async def test_limits_hold_whichever_way_a_document_comes(served: Served) -> None:
    served.app = serving(served, SCHEMA)
    token = (await served.as_("alice")).token or ""
    headers = {"Authorization": f"Bearer {token}"}
    client = httpx.AsyncClient(transport=httpx.ASGITransport(served.app), base_url="http://parley.test")
    async with listening(served) as address, opened(address, token) as socket, client as http:
        for number, case in enumerate(CASES):
            for more, refused in TIMES:
                sent = case.sent(case.at + more)
                answer = await http.post("/graphql", json=sent, headers=headers)
                assert case.refused(answer.json().get("errors")) is refused
                events = await http.post("/graphql", json=sent, headers={**headers, "Accept": "text/event-stream"})
                _, data = events.text.split("\n")[:2]
                assert case.refused(json.loads(data.removeprefix("data: ")).get("errors")) is refused
                id_ = f"{number} {more}"
                await socket.send(json.dumps({"id": id_, "type": "subscribe", "payload": sent}))
                while (message := json.loads(await socket.recv())).get("id") != id_ or message["type"] == "complete":
                    pass
                payload = message["payload"]
                errors = payload if isinstance(payload, list) else payload.get("errors")
                assert case.refused(errors) is refused


FOLLOW: Final = "conversationEvents(conversationId: $id) { cursor }"


async def test_a_subscription_is_refused_as_a_query_is(served: Served) -> None:
    served.app = serving(served, SCHEMA)
    token = (await served.as_("alice")).token or ""
    many = " ".join(f"a{each}: cursor" for each in range(4))
    query = "subscription ($id: ID!) { conversationEvents(conversationId: $id) { " + many + " } }"
    body = {"query": query, "variables": {"id": "x"}}
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    async with listening(served) as address, opened(address, token) as socket:
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": body}))
        (error,) = json.loads(await socket.recv())["payload"]
        assert error["extensions"]["limit"] == "aliases"
        async with httpx.AsyncClient() as http:
            events = await http.post(address.replace("ws:", "http:"), json=body, headers=headers)
        assert '"limit":"aliases"' in events.text


def test_the_walk_visits_each_node_once_however_often_fragments_are_spread() -> None:
    def visits(count: int) -> int:
        document = parse("{ ...f0 } " + fragments(count, lambda n: f"...f{n + 1} ...f{n + 1}"))
        seen = 0

        def visited() -> None:
            nonlocal seen
            seen += 1

        (counts,) = measure(document, visited)
        assert counts.fields == min(2 * 2**count, 1_000_000_000)
        return seen

    assert visits(100) - visits(50) == visits(50) - visits(0)
    assert visits(200) < 2_000


def test_cycles_end_and_what_they_have_counts() -> None:
    (counts,) = measure(parse("{ ...a } fragment a on Query { x: me { ...b } } fragment b on Query { y: me { ...a } }"))
    assert counts.aliases >= 2


def test_what_clients_ask_for_is_far_below_the_limits() -> None:
    whole = {"descriptions": True, "specified_by_url": True, "schema_description": True}
    introspection = get_introspection_query(**whole, directive_is_repeatable=True, input_value_deprecation=True)
    readme = (ROOT / "README.md").read_text()
    shown = [each.read_text() for each in sorted((ROOT / "api" / "graphiql_assets" / "examples").glob("*.graphql"))]
    blocks = [each for each in re.findall(r"```graphql\n(.*?)```", readme, re.DOTALL) if "type " not in each]
    assert len(shown) > 10
    half = replace(DEFAULT_LIMITS, tokens=1_000, aliases=50, directives=25, fields=2_500, root_fields=25, repeats=25)
    for each in (introspection, *shown, *blocks):
        assert problem(parse(each, max_tokens=half.tokens), half) is None


def test_settings_have_the_same_limits() -> None:
    settings = Settings(_env_file=None)
    assert settings.document_limits == DEFAULT_LIMITS
    assert settings.model_copy(update={"demo": True}).document_limits.introspection == "everyone"


@pytest.mark.parametrize(("flaws", "told"), [(1, 1), (2, 2), (3, 3), (4, 4), (9, 4)])
async def test_no_more_flaws_are_told_than_the_most_and_that_there_are_more(flaws: int, told: int) -> None:
    schema = build_schema(replace(DEFAULT_LIMITS, errors=3))
    assert len(await judged(schema, "{ " + " ".join(f"nothing{number}" for number in range(flaws)) + " }")) == told
