"""Rotating the signing key of a running server with two workers, by the command that people use."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Event
from typing import Any

import httpx
import jwt
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.api.commands import SECRET, Parley

EMAIL, PASSWORD = "ann@example.org", "correct horse battery staple"
LOGIN = """mutation { login(input: {email: "ann@example.org", password: "correct horse battery staple"}) {
  accessToken refreshToken } }"""
REFRESH = """mutation ($token: String!) { refreshSession(input: {refreshToken: $token}) {
  accessToken refreshToken } }"""
ME = "{ me { displayName } }"
TRIES = 12
"""Requests on connections of their own: both workers answer some of them."""


class Site:
    """The server, and the command line beside it."""

    def __init__(self, parley: Parley, url: str) -> None:
        self.parley = parley
        self.url = url

    def ask(self, query: str, bearer: str = "", /, **variables: Any) -> Any:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        sent = {"query": query, "variables": variables}
        return httpx.post(f"{self.url}/graphql", json=sent, headers=headers, timeout=20, verify=False).json()

    def login(self) -> tuple[str, str]:
        """An access token and a refresh token, of a device of their own."""
        answer = self.ask(LOGIN)["data"]["login"]
        return answer["accessToken"], answer["refreshToken"]

    def good(self, token: str) -> bool:
        """Whether all workers take it."""
        return all(self.ask(ME, token)["data"]["me"] for _ in range(TRIES))

    def refused(self, token: str) -> bool:
        """Whether all workers refuse it, and say why."""
        answers = [self.ask(ME, token) for _ in range(TRIES)]
        told = [answer["errors"][0]["extensions"] if "errors" in answer else None for answer in answers]
        return told == [{"code": "TOKEN_REVOKED", "reason": "key_revoked"}] * TRIES

    def shown(self) -> list[set[str]]:
        """The ids of the published keys, as often as asked."""
        documents = (
            httpx.get(f"{self.url}/.well-known/jwks.json", timeout=20, verify=False).json() for _ in range(TRIES)
        )
        return [{key["kid"] for key in document["keys"]} for document in documents]

    def rotate(self, token: str) -> str:
        """The id of the key that signs now, by mutation, as whom `token` proves."""
        return str(self.ask("mutation { rotateSigningKey { keyId } }", token)["data"]["rotateSigningKey"]["keyId"])

    def command(self, *options: str) -> str:
        """The id of the key that signs now, by command."""
        outcome = self.parley("keys", "rotate", *options)
        assert outcome.status == 0, outcome
        return outcome.out.splitlines()[0].removeprefix("signs\t")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("keys")
    parley = Parley(directory, {"SECRET_KEY": SECRET, "DATA_DIR": str(directory / "data"), "LOG_LEVEL": "error"})
    assert parley.here("user", "create", "--email", EMAIL, "--role", "super_admin", typed=PASSWORD).status == 0
    with parley.serve("--workers", "2") as server:
        yield Site(parley, server.url)


def kid(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def soon(holds: Callable[[], bool]) -> bool:
    """Whether it holds within a second, looked at until then; the last look may begin within it."""
    ends = time.monotonic() + 1.0
    while not (held := holds()) and time.monotonic() < ends:
        pass
    return held


def test_two_devices_stay_signed_in_while_the_key_is_rotated(site: Site) -> None:
    phone, laptop = site.login()[0], site.login()[0]
    assert kid(phone) == kid(laptop)
    signs = site.command()
    assert soon(lambda: site.shown() == [site.shown()[0]] * TRIES and {signs, kid(phone)} <= site.shown()[0])
    assert {kid(site.login()[0]) for _ in range(4)} == {signs}
    assert signs != kid(phone)
    assert site.good(phone)
    assert site.good(laptop)


def test_no_request_fails_while_the_key_is_rotated_again_and_again(site: Site) -> None:
    """Zero downtime: those under way, and those that come in between, with tokens of either key."""
    (access, refresh), (admin, _), over = site.login(), site.login(), Event()

    def asks() -> list[Any]:
        answers = []
        while not over.is_set():
            answers.append(site.ask(ME, access))
        return answers

    def refreshes() -> list[str]:
        tokens, current = [], refresh
        while not over.is_set():
            answer = site.ask(REFRESH, token=current)["data"]["refreshSession"]
            current = answer["refreshToken"]
            tokens.append(answer["accessToken"])
            assert site.ask(ME, answer["accessToken"])["data"]["me"], "at once, on whichever worker"
        return tokens

    with ThreadPoolExecutor(3) as pool:
        asked, renewed = [pool.submit(asks), pool.submit(asks)], pool.submit(refreshes)
        signs = [site.rotate(admin) for _ in range(3)]
        over.set()
    answers = [answer for each in asked for answer in each.result()]
    assert len(answers) > len(signs)
    assert all("errors" not in answer for answer in answers)
    assert set(signs) & {kid(token) for token in renewed.result()}


@contextmanager
def opened(site: Site, token: str) -> Iterator[ClientConnection]:
    """A socket that signed in with `token`."""
    address = site.url.replace("http", "ws") + "/graphql"
    with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}))
        assert json.loads(socket.recv(timeout=20))["type"] == "connection_ack"
        yield socket


def closed(socket: ClientConnection, seconds: float) -> bool:
    """Whether the server closes it so soon."""
    try:
        while True:
            socket.recv(timeout=seconds)
    except TimeoutError:
        return False
    except ConnectionClosed:
        return True


def test_with_revoke_now_the_old_key_is_refused_everywhere_and_a_refresh_goes_on(site: Site) -> None:
    (access, refresh), (other, _) = site.login(), site.login()
    with ExitStack() as open_:
        sockets = [open_.enter_context(opened(site, access)) for _ in range(4)]
        signs = site.command("--revoke-now")
        assert soon(lambda: site.refused(access))
        assert site.refused(other)
        assert [closed(socket, 2.0) for socket in sockets] == [True] * 4
    assert site.shown() == [{signs}] * TRIES
    renewed = site.ask(REFRESH, token=refresh)["data"]["refreshSession"]["accessToken"]
    assert kid(renewed) == signs
    assert site.good(renewed), "the session goes on"
    assert site.refused(access)
    lines = [line.split("\t") for line in site.parley("keys", "list").out.splitlines()]
    assert (lines[-1][0], lines[-1][1:3], lines[-1][4]) == (signs, ["EdDSA", "signs"], "-")
    assert {line[2] for line in lines[:-1]} == {"revoked"}


def test_a_plain_rotation_leaves_sockets_open(site: Site) -> None:
    token, _ = site.login()
    with opened(site, token) as socket:
        site.rotate(token)
        assert not closed(socket, 0.5)
