"""What a socket may do long after it was opened: no more than a request made now."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import httpx
import pytest
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from api.contexts import AT_LEAST
from api.graphql import Endpoint
from api.schema import build_schema
from permissions.changes import SYSTEM, PermissionChanges
from permissions.store import PermissionStore
from resolvers.ids import permissions_token
from tests.api.clients import PATIENCE_SECONDS, Person
from tests.api.commands import SECRET, Parley
from tests.permissions.people import role
from tests.served import Served

EMAIL, PASSWORD = "ann@example.org", "correct horse battery staple"
ME = "{ me { id } }"
READ = "query ($id: ID!) { conversation(id: $id) { title messages { edges { node { content } } } } }"
DELETE = "mutation ($id: ID!) { deleteConversation(input: {conversationId: $id}) { conversationId } }"
FAN_OUT = """query ($id: ID!) { conversation(id: $id) { messages(first: 2) { edges { node {
  siblings(first: 100) { siblings(first: 90) { id } } } } } } }"""


class Socket:
    """One operation at a time."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._asked = 0

    def ask(self, query: str, **variables: Any) -> Any:
        """The payload of the answer."""
        return self.tell({"query": query, "variables": variables})["payload"]

    def tell(self, payload: dict[str, Any]) -> Any:
        """The message that answers."""
        self._asked += 1
        self._connection.send(json.dumps({"type": "subscribe", "id": str(self._asked), "payload": payload}))
        while True:
            message = json.loads(self._connection.recv(timeout=PATIENCE_SECONDS))
            if message["type"] in {"next", "error"}:
                return message


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("sockets")
    parley = Parley(directory, {"SECRET_KEY": SECRET, "DATA_DIR": str(directory / "data"), "LOG_LEVEL": "error"})
    assert parley.here("user", "create", "--email", EMAIL, typed=PASSWORD).status == 0
    with parley.serve() as server:
        yield server.url


@pytest.fixture
def ann(url: str) -> Person:
    return Person.login(url, EMAIL, PASSWORD)


@contextmanager
def socket_of(person: Person, **headers: str) -> Iterator[Socket]:
    """Signed in by its first message."""
    address = person.url.replace("http", "ws") + "/graphql"
    with connect(
        address,
        subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
        additional_headers=headers,
    ) as connection:
        connection.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {person.token}"}}))
        assert json.loads(connection.recv(timeout=PATIENCE_SECONDS))["type"] == "connection_ack"
        yield Socket(connection)


def test_a_socket_may_nothing_more_once_its_session_has_ended(ann: Person) -> None:
    with socket_of(ann) as socket:
        assert socket.ask(ME)["data"]["me"]
        ann.ask("mutation { logout { ended } }")
        with pytest.raises(ConnectionClosed) as closed:
            socket.ask('mutation { startConversation(input: {title: "ghost"}) { conversation { id } } }')
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4403, "logged_out")
    again = Person.login(ann.url, EMAIL, PASSWORD)
    assert again.ask('{ conversations(filter: {titleContains: "ghost"}) { edges { cursor } } }') == {
        "conversations": {"edges": []}
    }


def test_a_socket_cannot_read_what_was_deleted_since(ann: Person) -> None:
    conversation = ann.start()
    ann.append(conversation, "secret")
    with socket_of(ann) as socket:
        assert socket.ask(READ, id=conversation)["data"]["conversation"]
        ann.ask(DELETE, id=conversation)
        assert socket.ask(READ, id=conversation)["data"]["conversation"] is None


def test_a_subscription_over_plain_http_is_refused_in_words(ann: Person) -> None:
    document = 'subscription { conversationEvents(conversationId: "x") { cursor } }'
    answer = httpx.post(
        f"{ann.url}/graphql", json={"query": document}, headers=ann.headers, timeout=20, verify=False
    ).json()
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


def test_a_query_that_fans_out_leaves_the_database_to_the_others(ann: Person) -> None:
    conversation = ann.start()
    fork = "mutation ($i: AppendMessageInput!) { appendMessage(input: $i) { message { id } } }"
    parent = ann.append(conversation, "question")
    for number in range(100):
        sent = {"conversationId": conversation, "parentId": parent, "content": f"answer {number}"}
        ann.ask(fork, i=sent)
    answered = ann.ask(FAN_OUT, id=conversation)["conversation"]["messages"]["edges"]
    assert len(answered[1]["node"]["siblings"]) == 100
    assert httpx.get(f"{ann.url}/readyz", timeout=PATIENCE_SECONDS, verify=False).status_code == 200


def test_a_handshake_asks_for_rules_as_fresh_as_its_token(ann: Person) -> None:
    """Refused as a request would be, with a status: a socket that just ends tells nobody why."""
    for token, status, code in (
        (permissions_token(1), None, None),
        ("nonsense", 400, "BAD_USER_INPUT"),
        (permissions_token(1_000_000), 503, "UNAVAILABLE"),
    ):
        if status is None:
            with socket_of(ann, **{AT_LEAST: token}) as socket:
                assert socket.ask(ME)["data"]["me"]
            continue
        with pytest.raises(InvalidStatus) as refused, socket_of(ann, **{AT_LEAST: token}):
            pass
        assert refused.value.response.status_code == status
        body = json.loads(refused.value.response.body or b"")
        assert [each["extensions"]["code"] for each in body["errors"]] == [code]


@pytest.mark.parametrize("name", [None, "C"])
def test_an_operation_that_nobody_can_identify_is_an_error_and_no_answer(ann: Person, name: str | None) -> None:
    sent = {"query": "query A { __typename } query B { __typename }", "operationName": name}
    with socket_of(ann) as socket:
        message = socket.tell(sent)
        assert message["type"] == "error"
        assert [each["extensions"]["code"] for each in message["payload"]] == ["BAD_USER_INPUT"]
        assert socket.ask(ME)["data"]["me"]


async def test_a_socket_is_judged_by_rules_as_fresh_as_its_handshake_asked_for(served: Served) -> None:
    """Though the worker has not heard of the change, which another one made."""
    app = served.services
    await app.permissions.world()
    revision = await PermissionChanges(PermissionStore()).put_role(role("fresh"), SYSTEM)
    headers = [(AT_LEAST.lower().encode(), permissions_token(revision).encode())]
    state = {"services": app}
    scope = {"type": "websocket", "headers": headers, "app": SimpleNamespace(state=SimpleNamespace(**state))}
    scope["state"] = {"request_id": "test"}
    socket = WebSocket(scope, receive=AsyncMock(), send=AsyncMock())

    context = await Endpoint(build_schema(), demo=False).get_context(socket, socket)

    assert "fresh" in context.access.snapshot.roles
    assert "fresh" in (await context.for_operation()).access.snapshot.roles
