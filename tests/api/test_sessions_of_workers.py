"""Sessions as people use them: two workers, two devices, plain HTTP and sockets."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.api.clients import Person, ask
from tests.api.commands import SECRET, Parley
from tests.processes import until

EMAIL, PASSWORD = "ann@example.org", "correct horse battery staple"
LOGIN = """mutation ($input: LoginInput!) { login(input: $input) { accessToken refreshToken } }"""
REFRESH = """mutation ($token: String) { refreshSession(input: {refreshToken: $token}) { accessToken refreshToken } }"""
SESSIONS = "{ me { sessions { id device current } } }"
END = "mutation ($id: ID!) { endSession(input: {sessionId: $id}) { sessionId applied } }"
END_OTHERS = "mutation { endOtherSessions { count applied } }"
EVENTS = """subscription { sessionEvents { __typename at
  ... on SessionOpened { session { device } newDevice }
  ... on SessionEnded { sessionId reason current } } }"""
NEWS = "subscription ($id: ID!) { conversationEvents(conversationId: $id) { cursor } }"


@dataclass(frozen=True)
class Device:
    """Signed in."""

    person: Person
    refresh_token: str

    @classmethod
    def login(cls, url: str, name: str) -> "Device":
        pair = ask(url, {}, LOGIN, input={"email": EMAIL, "password": PASSWORD, "device": name})["login"]
        return cls(Person(url, pair["accessToken"]), pair["refreshToken"])

    def session(self) -> str:
        """The id of its session."""
        listed = self.person.ask(SESSIONS)["me"]["sessions"]
        return str(next(each["id"] for each in listed if each["current"]))

    def refusal(self) -> dict[str, Any] | None:
        """Why a request of its is refused; each goes to whichever worker takes it."""
        sent = {"query": "{ me { id } }"}
        answer = httpx.post(
            f"{self.person.url}/graphql", json=sent, headers=self.person.headers, timeout=20, verify=False
        ).json()
        refusal: dict[str, Any] | None = answer["errors"][0]["extensions"] if "errors" in answer else None
        return refusal


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("sessions")
    parley = Parley(directory, {"SECRET_KEY": SECRET, "DATA_DIR": str(directory / "data"), "LOG_LEVEL": "error"})
    assert parley.here("user", "create", "--email", EMAIL, typed=PASSWORD).status == 0
    with parley.serve("--workers", "2") as server:
        yield server.url


@contextmanager
def socket_of(device: Device) -> Iterator[ClientConnection]:
    """Signed in by its first message."""
    address = device.person.url.replace("http", "ws") + "/graphql"
    proof = {"authorization": f"Bearer {device.person.token}"}
    with connect(address, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        socket.send(json.dumps({"type": "connection_init", "payload": proof}))
        assert json.loads(socket.recv(timeout=20))["type"] == "connection_ack"
        yield socket


def subscribe(socket: ClientConnection, name: str, query: str, **variables: Any) -> None:
    sent = {"id": name, "type": "subscribe", "payload": {"query": query, "variables": variables}}
    socket.send(json.dumps(sent))


def event(socket: ClientConnection, seconds: float = 20) -> dict[str, Any]:
    """The next session event."""
    message = json.loads(socket.recv(timeout=seconds))
    assert message["type"] == "next", message
    told: dict[str, Any] = message["payload"]["data"]["sessionEvents"]
    return told


def settled(socket: ClientConnection) -> None:
    """Return when its subscription listens: a query that is asked after it has been answered."""
    subscribe(socket, "settled", "{ me { id } }")
    assert [json.loads(socket.recv(timeout=20))["type"] for _ in range(2)] == ["next", "complete"]


def test_the_other_device_is_refused_everywhere_within_a_second_and_told_why(url: str) -> None:
    phone, laptop = Device.login(url, "phone"), Device.login(url, "laptop")
    listed = {each["device"]: each for each in phone.person.ask(SESSIONS)["me"]["sessions"]}
    assert (listed["phone"]["current"], listed["laptop"]["current"]) == (True, False)
    assert laptop.refusal() is None
    ended = phone.person.ask(END, id=listed["laptop"]["id"])["endSession"]
    assert ended == {"sessionId": listed["laptop"]["id"], "applied": True}
    # Both workers have confirmed: there is nothing to wait for.
    refusals = [laptop.refusal() for _ in range(12)]
    assert refusals == [{"code": "TOKEN_REVOKED", "reason": "session_ended"}] * 12
    sent = {"query": REFRESH, "variables": {"token": laptop.refresh_token}}
    refreshed = httpx.post(f"{url}/graphql", json=sent, timeout=20, verify=False).json()
    assert refreshed["errors"][0]["extensions"] == {"code": "TOKEN_REVOKED", "reason": "session_ended"}
    assert [each["device"] for each in phone.person.ask(SESSIONS)["me"]["sessions"]] == ["phone"]
    phone.person.ask(END_OTHERS)


def test_all_sockets_of_an_ended_session_hear_why_and_are_closed_within_a_second(url: str) -> None:
    phone, laptop = Device.login(url, "phone"), Device.login(url, "laptop")
    conversation = laptop.person.start()
    with ExitStack() as stack:
        listening = [stack.enter_context(socket_of(laptop)) for _ in range(6)]
        silent = [stack.enter_context(socket_of(laptop)) for _ in range(4)]
        others = [stack.enter_context(socket_of(phone)) for _ in range(4)]
        for socket in listening:
            subscribe(socket, "events", EVENTS)
            subscribe(socket, "news", NEWS, id=conversation)
            settled(socket)
        started = time.monotonic()
        session = laptop.session()
        phone.person.ask(END, id=session)
        for socket in listening:
            told = event(socket)
            assert (told["__typename"], told["sessionId"], told["reason"], told["current"]) == (
                "SessionEnded",
                session,
                "session_ended",
                True,
            )
        for socket in (*listening, *silent):
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(timeout=20)
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4403, "session_ended")
        assert time.monotonic() - started < 2, "a second, and what ten sockets take one after the other"
        for socket in others:
            settled(socket)
    phone.person.ask("mutation { endAllSessions { count } }")


def test_nothing_more_comes_through_a_socket_that_was_cut_off(url: str) -> None:
    phone, laptop = Device.login(url, "phone"), Device.login(url, "laptop")
    conversation = laptop.person.start()
    with socket_of(laptop) as socket:
        subscribe(socket, "news", NEWS, id=conversation)
        settled(socket)
        phone.person.ask(END_OTHERS)
        phone.person.append(conversation, "not for the laptop's eyes")
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=20)
    phone.person.ask("mutation { endAllSessions { count } }")


def test_a_device_hears_of_others_that_sign_in_and_are_ended(url: str) -> None:
    phone = Device.login(url, "phone")
    with socket_of(phone) as socket:
        subscribe(socket, "events", EVENTS)
        settled(socket)
        laptop = Device.login(url, "laptop")
        told = event(socket)
        assert (told["__typename"], told["session"], told["newDevice"]) == (
            "SessionOpened",
            {"device": "laptop"},
            True,
        )
        session = laptop.session()
        laptop.person.ask("mutation { logout { ended } }")
        told = event(socket)
        assert (told["__typename"], told["sessionId"], told["reason"], told["current"]) == (
            "SessionEnded",
            session,
            "logged_out",
            False,
        )
    phone.person.ask("mutation { endAllSessions { count } }")


def test_a_stolen_refresh_token_cuts_its_session_off_and_the_other_devices_hear_of_it(url: str) -> None:
    phone, laptop = Device.login(url, "phone"), Device.login(url, "laptop")
    session = laptop.session()
    laptop.person.ask(REFRESH, token=laptop.refresh_token)
    with socket_of(phone) as watching, socket_of(laptop) as robbed:
        subscribe(watching, "events", EVENTS)
        settled(watching)
        sent = {"query": REFRESH, "variables": {"token": laptop.refresh_token}}
        thief = httpx.post(
            f"{url}/graphql", json=sent, headers={"User-Agent": "another program"}, timeout=20, verify=False
        ).json()
        assert thief["errors"][0]["extensions"] == {"code": "TOKEN_REVOKED", "reason": "refresh_token_reused"}
        told = event(watching)
        assert (told["sessionId"], told["reason"], told["current"]) == (session, "refresh_token_reused", False)
        with pytest.raises(ConnectionClosed) as closed:
            robbed.recv(timeout=20)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4403, "refresh_token_reused")
    phone.person.ask("mutation { endAllSessions { count } }")


def test_ending_all_spares_none_and_ending_the_others_spares_one(url: str) -> None:
    devices = [Device.login(url, name) for name in ("phone", "laptop", "desk")]
    assert devices[0].person.ask(END_OTHERS)["endOtherSessions"] == {"count": 2, "applied": True}
    assert [bool(each.refusal()) for each in devices] == [False, True, True]
    again = Device.login(url, "laptop")
    assert again.refusal() is None, "a new login counts"
    assert devices[0].person.ask("mutation { endAllSessions { count applied } }")["endAllSessions"] == {
        "count": 2,
        "applied": True,
    }
    assert [bool(each.refusal()) for each in (devices[0], again)] == [True, True]
    until(lambda: Device.login(url, "phone").refusal() is None)
