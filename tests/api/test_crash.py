"""The drill: kill -9 everything in the middle of 2,000 appends, and look for each of them afterwards."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.clients import APPEND, Person
from tests.api.commands import SECRET, Parley, Server
from tests.processes import kill_9

EMAIL, PASSWORD = "ann@example.org", "correct horse battery staple"
APPENDS = 2000
WRITERS = 8
PATIENCE_SECONDS = 120.0
"""How long a writer tries to get one message acknowledged: a restart is in it."""

PLACE = "fragment Place on Message { id content depth siblingCount siblingIndex parent { id } }"
NODES = PLACE + "query ($ids: [ID!]!) { nodes(ids: $ids) { ...Place } }"
PAGE = (
    """
query ($id: ID!, $branch: ID, $first: Int, $after: String, $last: Int, $before: String) {
  conversation(id: $id) {
    messageCount
    messages(branch: $branch, first: $first, after: $after, last: $last, before: $before) {
      edges { node { ...Place } }
      pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
    }
  }
}"""
    + PLACE
)
BRANCHES = """
query ($id: ID!, $after: String) {
  conversation(id: $id) {
    branchCount
    branches(first: 100, after: $after) {
      edges { node { id messageCount forkedFrom { depth } } }
      pageInfo { hasNextPage endCursor }
    }
  }
}"""

Node = dict[str, Any]


@dataclass
class Drill:
    """Writers that go on until everything is acknowledged, whatever happens to the server."""

    person: Person
    line: str
    tree: str
    acknowledged: dict[str, str] = field(default_factory=dict)
    parents: list[str] = field(default_factory=list)
    """Those of them that are in the tree."""
    repeated: int = 0

    async def write(self) -> None:
        """Half of the messages one after the other, half as answers to any message of a tree."""
        contents = iter([f"message {number}" for number in range(APPENDS)])
        async with httpx.AsyncClient(base_url=self.person.url, headers=self.person.headers, timeout=10) as client:
            await asyncio.gather(*(self._writer(client, contents) for _ in range(WRITERS)))

    async def _writer(self, client: httpx.AsyncClient, contents: Iterator[str]) -> None:
        for content in contents:
            sent = self._input(content)
            deadline = time.monotonic() + PATIENCE_SECONDS
            while (message_id := await self._try(client, sent)) is None:
                assert time.monotonic() < deadline, f"{content} was never acknowledged"
                self.repeated += 1
                await asyncio.sleep(0.05)
            self.acknowledged[content] = message_id
            if self.place(content) == self.tree:
                self.parents.append(message_id)

    def _input(self, content: str) -> dict[str, Any]:
        sent = {"content": content, "idempotencyKey": content}
        if self.place(content) == self.line:
            return sent | {"conversationId": self.line}
        return sent | {"conversationId": self.tree, "parentId": random.choice(self.parents) if self.parents else None}

    def place(self, content: str) -> str:
        """The conversation that a content goes to."""
        return (self.tree, self.line)[int(content.split()[1]) % 2]

    @staticmethod
    async def _try(client: httpx.AsyncClient, sent: dict[str, Any]) -> str | None:
        """The message's id if the server acknowledges it; None where a store or the server is away."""
        try:
            answer = await client.post("/graphql", json={"query": APPEND, "variables": {"input": sent}})
        except httpx.TransportError:
            return None
        body = answer.json()
        if "errors" not in body:
            return str(body["data"]["appendMessage"]["message"]["id"])
        assert [error["extensions"]["code"] for error in body["errors"]] == ["UNAVAILABLE"], body
        return None

    async def reach(self, number: int) -> None:
        """Wait until so many are acknowledged."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.acknowledged) < number:  # noqa: ASYNC110 (any of the writers gets there)
                await asyncio.sleep(0.005)


@pytest.fixture
def parley(tmp_path: Path) -> Parley:
    parley = Parley(tmp_path, {"SECRET_KEY": SECRET, "DATA_DIR": str(tmp_path / "data"), "LOG_LEVEL": "error"})
    assert parley.here("user", "create", "--email", EMAIL, typed=PASSWORD).status == 0
    return parley


async def test_every_acknowledged_message_is_there_once_after_kill_9_of_everything(parley: Parley) -> None:
    with ExitStack() as servers:
        server = servers.enter_context(parley.serve("--workers", "2"))
        person = Person.login(server.url, EMAIL, PASSWORD)
        drill = Drill(person, person.start(), person.start())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(drill.write())
            await drill.reach(600)
            kill_everything(server)
            server = await asyncio.to_thread(
                servers.enter_context, parley.serve("--workers", "2", "--port", server.port)
            )
            await drill.reach(1300)
            for program in ("secantusd-rs --config", "valkey-server", "api.worker"):
                kill_9(server.started(program)[0])
        assert len(drill.acknowledged) == APPENDS
        assert drill.repeated > 0
        check_the_line(drill)
        check_the_tree(drill)
        check_retries(drill)


def kill_everything(server: Server) -> None:
    started = server.started()
    assert len(started) == 5  # two workers, the keeper, two stores
    for pid in (server.process.pid, *started):
        kill_9(pid)


def check_the_line(drill: Drill) -> None:
    """Walked in both directions: the same messages, each once, each at its depth."""
    forwards = list(walk(drill.person, drill.line, "first"))
    backwards = list(walk(drill.person, drill.line, "last"))
    assert [node["id"] for node in forwards] == [node["id"] for node in backwards][::-1]
    assert as_acknowledged(drill, forwards) == APPENDS // 2
    assert [node["depth"] for node in forwards] == list(range(APPENDS // 2))
    assert {node["siblingCount"] for node in forwards} == {1}


def check_the_tree(drill: Drill) -> None:
    """Each message is at its place, siblings agree about themselves, and there is nothing beside them."""
    found = {node["id"]: node for node in named(drill, drill.tree)}
    assert as_acknowledged(drill, list(found.values())) == APPENDS // 2
    assert all(node["depth"] == found[node["parent"]["id"]]["depth"] + 1 for node in found.values() if node["parent"])
    children = Counter(str(node["parent"]) for node in found.values())
    places = {(str(node["parent"]), node["siblingIndex"]) for node in found.values()}
    assert all(node["siblingCount"] == children[str(node["parent"])] for node in found.values())
    assert places == {(parent, index) for parent, number in children.items() for index in range(number)}
    branches = list(all_branches(drill.person, drill.tree))
    shared = sum(branch["forkedFrom"]["depth"] + 1 for branch in branches if branch["forkedFrom"])
    assert sum(branch["messageCount"] for branch in branches) - shared == len(found)
    for branch in random.sample(branches, 40):
        path = list(walk(drill.person, drill.tree, "first", branch["id"]))
        assert path == [found[node["id"]] for node in path]
        assert len(path) == branch["messageCount"]
        parents = [None, *({"id": node["id"]} for node in path[:-1])]
        assert [node["parent"] for node in path] == parents


def check_retries(drill: Drill) -> None:
    """A key that was used once stands for its message for good."""
    before = drill.person.ask(PAGE, id=drill.line, first=1)["conversation"]["messageCount"]
    for number in range(1, APPENDS, 100):
        content = f"message {number}"
        assert drill.person.append(drill.line, content) == drill.acknowledged[content]
    assert drill.person.ask(PAGE, id=drill.line, first=1)["conversation"]["messageCount"] == before


def as_acknowledged(drill: Drill, nodes: list[Node]) -> int:
    """How many they are; each is what was acknowledged under its id, and none is there twice."""
    assert len({node["content"] for node in nodes}) == len(nodes)
    assert all(drill.acknowledged[node["content"]] == node["id"] for node in nodes)
    return len(nodes)


def named(drill: Drill, conversation_id: str) -> Iterator[Node]:
    """All acknowledged messages of a conversation, by their ids."""
    ids = [message_id for content, message_id in drill.acknowledged.items() if drill.place(content) == conversation_id]
    for start in range(0, len(ids), 100):
        yield from drill.person.ask(NODES, ids=ids[start : start + 100])["nodes"]


def walk(person: Person, conversation_id: str, direction: str, branch: str | None = None) -> Iterator[Node]:
    """All messages of a path: from its root with `first`, from its tip with `last`."""
    ends = {"first": ("after", "hasNextPage", "endCursor"), "last": ("before", "hasPreviousPage", "startCursor")}
    argument, more, cursor = ends[direction]
    page: dict[str, Any] = {more: True, cursor: None}
    while page[more]:
        place = {direction: 100, argument: page[cursor], "branch": branch}
        messages = person.ask(PAGE, id=conversation_id, **place)["conversation"]["messages"]
        nodes = [edge["node"] for edge in messages["edges"]]
        yield from nodes if direction == "first" else reversed(nodes)
        page = messages["pageInfo"]


def all_branches(person: Person, conversation_id: str) -> Iterator[Node]:
    page: dict[str, Any] = {"hasNextPage": True, "endCursor": None}
    while page["hasNextPage"]:
        branches = person.ask(BRANCHES, id=conversation_id, after=page["endCursor"])["conversation"]["branches"]
        yield from (edge["node"] for edge in branches["edges"])
        page = branches["pageInfo"]
