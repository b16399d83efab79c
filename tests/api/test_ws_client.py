"""Live messages, seen by the npm clients `graphql-ws`, `graphql-sse` and others on every worker of a real server."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.clients import Person
from tests.api.commands import Parley, Server
from tests.npm import packages, program
from tests.processes import kill_9, until

SCRIPT = Path(__file__).parent / "ws" / "subscribe.mjs"
SOCKETS = 8
"""Of each worker."""


@dataclass
class Watch:
    """What the sockets of one Node process have said so far."""

    news: list[dict[str, Any]] = field(default_factory=list)

    def follow(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.news.append(json.loads(line))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [news for news in list(self.news) if news["kind"] == kind]

    def seen(self, socket: int) -> list[str]:
        """The contents of the messages that a socket saw."""
        return [news["content"] for news in self.of("MessageAdded") if news["socket"] == socket]

    def connected(self, sockets: int) -> bool:
        return len(self.of("connected")) == sockets

    def knows(self, content: str) -> bool:
        return any(news["content"] == content for news in self.of("MessageAdded"))

    def all_saw(self, contents: list[str], seconds: float = 30.0) -> None:
        """Wait until every socket has seen as many messages, which must be these, in order."""
        with suppress(AssertionError):
            until(lambda: len(self.of("MessageAdded")) >= SOCKETS * len(contents), seconds)
        for socket in range(SOCKETS):
            assert self.seen(socket) == contents, self.news[-5:]
        assert {news["kind"] for news in self.news} <= {"connected", "closed", "MessageAdded"}


Subscribe = Callable[..., Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("live")
    with Parley(directory, {"DATA_DIR": str(directory / "data"), "LOG_LEVEL": "error"}).serve(
        "--demo", "--workers", "2"
    ) as server:
        yield server


@pytest.fixture(scope="module")
def alice(server: Server) -> Person:
    return Person.login(server.url, "alice@demo.example")


@pytest.fixture
def conversation(alice: Person) -> str:
    return alice.start()


@pytest.fixture
def subscribe(pytestconfig: pytest.Config, server: Server, alice: Person, conversation: str) -> Subscribe:
    """Opens so many sockets, for the length of a block."""
    node, folder = program("node"), packages(pytestconfig, SCRIPT.with_name("package.json"))

    @contextmanager
    def open_sockets(number: int, *after: str, token: str = alice.token, transport: str = "ws") -> Iterator[Watch]:
        arguments = [server.url, str(folder), transport, token, conversation, str(number), *after]
        watch = Watch()
        with subprocess.Popen([node, str(SCRIPT), *arguments], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            follower = threading.Thread(target=watch.follow, args=[process.stdout])
            follower.start()
            try:
                yield watch
            finally:
                process.kill()
                follower.join()

    return open_sockets


@pytest.fixture
def first(alice: Person, conversation: str, subscribe: Subscribe) -> str:
    """The cursor of a message that a live subscriber saw."""
    with subscribe(1) as watch:
        # A client is not told when its subscription stands, so say something until it hears.
        for number in count():
            word = f"anybody there? {number}"
            alice.append(conversation, word)
            with suppress(AssertionError):
                until(partial(watch.knows, word), seconds=0.2)
                return str(watch.of("MessageAdded")[-1]["cursor"])
    raise AssertionError


@contextmanager
def paused(server: Server, place: int) -> Iterator[None]:
    """One of the two workers does nothing, so that the other answers."""
    worker = server.started("api.worker")[place]
    os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker, signal.SIGCONT)


@pytest.fixture
def watches(server: Server, first: str, subscribe: Subscribe) -> Iterator[list[Watch]]:
    """Sockets of the first worker, then sockets of the second one, that see what comes after `first`."""
    with ExitStack() as stack:
        found: list[Watch] = []
        for other in (1, 0):
            with paused(server, other):
                watch = stack.enter_context(subscribe(SOCKETS, first))
                until(partial(watch.connected, SOCKETS))
                found.append(watch)
        yield found


@pytest.mark.conformance("graphql-ws", "live messages while workers die, resuming, refusals")
def test_a_message_appended_on_one_worker_reaches_the_sockets_of_the_other(
    server: Server, alice: Person, conversation: str, watches: list[Watch]
) -> None:
    contents = [f"message {number}" for number in range(10)]
    for other in (0, 1):
        with paused(server, other):
            for content in contents[5 * other : 5 * other + 5]:
                alice.append(conversation, content)
    for watch in watches:
        watch.all_saw(contents)


@pytest.mark.conformance("graphql-ws", "live messages while workers die, resuming, refusals")
def test_sockets_of_a_worker_killed_with_9_go_on_at_another_without_gap_or_double(
    server: Server, alice: Person, conversation: str, watches: list[Watch]
) -> None:
    contents = [f"message {number}" for number in range(40)]
    for number, content in enumerate(contents):
        if number == 20:
            kill_9(server.started("api.worker")[0])
        until(partial(appended, alice, conversation, content))
    for watch in watches:
        watch.all_saw(contents)
    assert [len(watch.of("closed")) for watch in watches] == [SOCKETS, 0]


@pytest.mark.conformance("graphql-ws", "live messages while workers die, resuming, refusals")
@pytest.mark.conformance("graphql-sse", "event streams that go on at another worker")
def test_sockets_and_streams_of_a_worker_that_is_stopped_go_on_at_another(
    server: Server, alice: Person, conversation: str, first: str, subscribe: Subscribe
) -> None:
    contents = [f"message {number}" for number in range(40)]
    with paused(server, 1), ExitStack() as stack:
        watches = [stack.enter_context(subscribe(SOCKETS, first, transport=each)) for each in ("ws", "sse")]
        for watch in watches:
            until(partial(watch.connected, SOCKETS))
        stack = stack.pop_all()
    with stack:
        for number, content in enumerate(contents):
            if number == 20:
                os.kill(server.started("api.worker")[0], signal.SIGTERM)
            until(partial(appended, alice, conversation, content))
        for watch in watches:
            watch.all_saw(contents)
            assert len(watch.of("closed")) == SOCKETS
        assert {closed["code"] for closed in watches[0].of("closed")} == {1012}


@pytest.mark.conformance("@apollo/client", "HTTP, WebSocket, event streams", checks=4)
@pytest.mark.conformance("@urql/core", "HTTP, WebSocket, event streams", checks=3)
def test_apollo_client_and_urql_ask_over_http_websockets_and_events_at_once(
    pytestconfig: pytest.Config, server: Server, alice: Person, conversation: str
) -> None:
    node, folder = program("node"), packages(pytestconfig, SCRIPT.with_name("package.json"))
    command = [node, str(SCRIPT.with_name("clients.mjs")), server.url, str(folder), alice.token, conversation]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    answers = ["Alice", "ResyncRequired", "ResyncRequired", "Alice", "ResyncRequired", "ResyncRequired", "Alice"]
    assert (done.returncode, done.stdout.splitlines()) == (0, answers), done.stderr


def appended(alice: Person, conversation: str, content: str) -> str | None:
    """None where the worker that was asked is gone."""
    try:
        return alice.append(conversation, content)
    except httpx.TransportError:
        return None


@pytest.mark.conformance("graphql-ws", "live messages while workers die, resuming, refusals")
def test_a_cursor_of_long_ago_is_answered_by_resync_required(
    alice: Person, conversation: str, subscribe: Subscribe
) -> None:
    with subscribe(1, "1-0") as watch:
        assert until(lambda: watch.of("ResyncRequired"))
        alice.append(conversation, "after")
        until(lambda: watch.seen(0) == ["after"])


@pytest.mark.conformance("graphql-ws", "live messages while workers die, resuming, refusals")
def test_a_socket_without_a_token_is_closed_as_forbidden(subscribe: Subscribe) -> None:
    with subscribe(1, token="") as watch:
        assert until(lambda: watch.of("closed"))[0]["code"] == 4403
        assert watch.of("connected") == []
