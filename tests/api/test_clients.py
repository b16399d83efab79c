"""The client's address behind a proxy, as limits, sessions, conditions, sockets and the audit log see it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send
from websockets.sync.client import connect

from api.clients import ClientAddress
from api.proxies import ProxyHeader, TrustedProxies
from models.embedded import EmbeddedStores
from tests.api.commands import SECRET, Here, Parley

EMAIL, PASSWORD = "ann@example.org", "correct horse battery staple"
OFFICE, EVIL = "192.0.2.44", "203.0.113.66"
LOGIN = "mutation ($input: LoginInput!) { login(input: $input) { accessToken user { sessions { ip } } } }"
EVENTS = "{ auditEvents(first: 50) { edges { node { kind ip } } } }"
ONLY_FROM_THE_OFFICE = """mutation { putPolicy(input: {name: "office", effect: DENY, actions: ["user:list"],
  unless: "cidr('192.0.2.0/24').containsIP(env.ip)"}) { permissionsToken } }"""
LIST = "{ users(first: 1) { edges { node { id } } } }"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, stores: EmbeddedStores) -> Iterator[str]:
    """A server that trusts the proxy from which all these requests come."""
    ours = {"MONGODB_URI": stores.mongodb_uri, "REDIS_URL": stores.redis_url, "DATABASE": "clients"}
    variables = {"TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8", "LOGIN_FAILURES": "3", "LOG_LEVEL": "error"}
    parley = Parley(tmp_path_factory.mktemp("clients"), {"SECRET_KEY": SECRET, **ours, **variables})
    assert parley.here("user", "create", "--email", EMAIL, "--role", "super_admin", typed=PASSWORD).status == 0
    with parley.serve() as server:
        yield server.url


def ask(url: str, forwarded: str | None, query: str, token: str | None = None, **variables: Any) -> Any:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    sent = {"query": query, "variables": variables}
    return httpx.post(f"{url}/graphql", json=sent, headers=headers, timeout=20, verify=False).json()


def login(url: str, forwarded: str | None, password: str = PASSWORD) -> Any:
    return ask(url, forwarded, LOGIN, input={"email": EMAIL, "password": password})


def code(answer: Any) -> str:
    return str(answer["errors"][0]["extensions"]["code"]) if "errors" in answer else ""


def test_sessions_and_the_log_show_the_address_that_the_proxy_saw(url: str) -> None:
    answer = login(url, f"{EVIL}, {OFFICE}, 10.0.0.9")["data"]["login"]
    assert answer["user"]["sessions"][0]["ip"] == OFFICE
    login(url, "198.51.100.200", "wrong")
    events = ask(url, OFFICE, EVENTS, answer["accessToken"])["data"]["auditEvents"]["edges"]
    assert {"kind": "login.failed", "ip": "198.51.100.200"} in [each["node"] for each in events]


def test_nobody_gets_more_guesses_by_making_addresses_up(url: str) -> None:
    codes = [code(login(url, f"{EVIL}{number}, 198.51.100.7", "wrong")) for number in range(5)]
    assert codes == ["UNAUTHENTICATED"] * 3 + ["RATE_LIMITED"] * 2
    assert code(login(url, "198.51.100.8", "wrong")) == "UNAUTHENTICATED", "his neighbour"


def test_conditions_look_at_it_in_requests_and_on_sockets(url: str) -> None:
    token = login(url, OFFICE)["data"]["login"]["accessToken"]
    assert code(ask(url, OFFICE, ONLY_FROM_THE_OFFICE, token)) == ""
    for forwarded, expected in (
        (OFFICE, ""),
        (f"{EVIL}, {OFFICE}", ""),
        (f"{OFFICE}, {EVIL}", "FORBIDDEN"),
        (f"{OFFICE}, nonsense", "FORBIDDEN"),
        (None, "FORBIDDEN"),
    ):
        assert code(ask(url, forwarded, LIST, token)) == expected
        assert code(over_socket(url, forwarded, LIST, token)) == expected


def over_socket(url: str, forwarded: str | None, query: str, token: str) -> Any:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    address = url.replace("http", "ws") + "/graphql"
    with connect(address, subprotocols=["graphql-transport-ws"], additional_headers=headers) as socket:  # type: ignore[list-item]
        socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}))
        assert json.loads(socket.recv(20))["type"] == "connection_ack"
        socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": query}}))
        return json.loads(socket.recv(20))["payload"]


@pytest.mark.parametrize(
    ("peer", "said", "kind", "scheme"),
    [
        (("10.0.0.1", 1), ["https"], "http", "https"),
        (("10.0.0.1", 1), ["https"], "websocket", "wss"),
        (("10.0.0.1", 1), ["https, http"], "http", "http"),
        (("10.0.0.1", 1), ["javascript"], "http", "plain"),
        (("10.0.0.1", 1), [], "http", "plain"),
        (("203.0.113.66", 1), ["https"], "http", "plain"),
        (None, ["https"], "http", "plain"),
    ],
)
async def test_whether_the_client_used_tls_is_believed_of_proxies_only(
    peer: tuple[str, int] | None, said: list[str], kind: str, scheme: str
) -> None:
    seen = list[Scope]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    async def nothing(*_: Message) -> Any:
        raise AssertionError

    headers = [(b"x-forwarded-proto", each.encode()) for each in said]
    scope = {"type": kind, "client": peer, "scheme": "plain", "headers": headers}
    middleware = ClientAddress(app, TrustedProxies.parse("10.0.0.1"), ProxyHeader.X_FORWARDED_FOR)
    await middleware(scope, nothing, nothing)
    assert seen[0]["scheme"] == scheme
    assert seen[0]["client"] == peer


def test_a_proxy_that_is_none_stops_the_start(tmp_path: Path) -> None:
    outcome = Here(tmp_path, {"TRUSTED_PROXIES": "10.0.0.0/8, everybody"})("settings")
    assert outcome.status != 0
    assert "PARLEY_TRUSTED_PROXIES" in outcome.err
