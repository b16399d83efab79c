"""What every kind of request costs a worker's processor, beside that of no request at all; a start; and doing nothing.

`make bench ARGS="-k hot"`, in two minutes. `test_http.py` measures some of it beside other servers.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import pytest
from argon2 import PasswordHasher

from api.cli.serve import environment
from models.embedded import EmbeddedStores
from models.user import User
from tests.benchmarks.load import request
from tests.benchmarks.report import Table, publish
from tests.benchmarks.rounds import Contender, Sample, measure
from tests.benchmarks.servers import cpu_seconds, serving, unlimited
from tests.benchmarks.works import APPEND, ME_QUERY, TEXT, planted
from tests.resolvers.chat.documents import start
from tests.served import SECRET, Caller, Served

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="CPU time is read from Linux's /proc"),
]

ROUNDS: Final = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "2"))
WARM_SECONDS: Final = 0.5
CONNECTIONS: Final = 32
LOGINS: Final = 2
"""At once: more would wait for argon2id."""
CHATS: Final = 60
STARTS: Final = int(os.environ.get("BENCH_STARTS", "5"))
IDLE_SECONDS: Final = 5.0
PASSWORD: Final = "a quiet parley at noon"
LIST: Final = """{ conversations(first: 20) {
  edges { cursor node { id title tags archived updatedAt messageCount } } pageInfo { hasNextPage endCursor } } }"""
SEARCH: Final = """{ searchMessages(query: "people machine", first: 10) {
  edges { cursor snippet score node { id content createdAt } } pageInfo { hasNextPage } } }"""
LOGIN: Final = "mutation ($input: LoginInput!) { login(input: $input) { accessToken refreshToken } }"
CHECK: Final = "query ($input: [PermissionQuestion!]!) { checkPermissions(input: $input) { id allowed reason } }"
ACTIONS: Final = ("conversation:read", "conversation:update", "conversation:delete", "conversation:share")


@dataclass(frozen=True)
class Way:
    """A kind of request."""

    name: str
    requests: Sequence[str]
    connections: int = CONNECTIONS


async def test_what_requests_cost(served: Served, stores: EmbeddedStores, tmp_path: Path) -> None:
    alice = await served.as_("alice")
    paths = [
        Way("`{ me { id } }`, for comparison", [_sent(alice, ME_QUERY)]),
        Way("`conversations`, 20 of 60", [_sent(alice, LIST)]),
        Way("`searchMessages`, 10 of a common word's 1,000", [_sent(alice, SEARCH)]),
        Way("`checkPermissions`, 100 questions", [_sent(alice, CHECK, {"input": await _questions(alice)})]),
        Way("`appendMessage`", await _appends(alice)),
        await _login(served),
    ]
    await planted(served, alice)
    await _index(served)
    settings = unlimited(served, stores, log_level="info", search_seconds=0, usage_seconds=0)
    with serving("api.worker", environment(settings), tmp_path / "worker.log") as server:
        pids = list(stores.pids().values())
        contenders = [Contender(each.name, server, each.requests) for each in paths]
        asked = [(each, way.connections) for each, way in zip(contenders, paths, strict=True)]
        for each, connections in asked:
            await asyncio.to_thread(measure, each, pids, connections, WARM_SECONDS)
        samples = [
            [await asyncio.to_thread(measure, each, pids, connections, SECONDS) for each, connections in asked]
            for _ in range(ROUNDS)
        ]
    rows = [_row(path, column) for path, column in zip(paths, zip(*samples, strict=True), strict=True)]
    head = ["", "CPU a request, ms", "the loop's, ms", "the stores', ms", "requests a second", "p50, ms", "p99, ms"]
    note = (
        f"Medians (lowest to highest) of {ROUNDS} rounds of {SECONDS:g} s in turns, {CONNECTIONS} connections to one "
        f"worker on the embedded stores, {LOGINS} that log in. What the loop's thread takes of the processor is all of "
        "it but argon2id, searches and long documents, which have threads of their own."
    )
    publish("hot-requests", [Table("Other hot paths", head, rows)], [note])


async def test_what_a_start_costs_and_doing_nothing(tmp_path: Path) -> None:
    """Of `parley serve` on the embedded stores, with data of an earlier run."""
    await asyncio.to_thread(_started, tmp_path)
    taken = [await asyncio.to_thread(_started, tmp_path) for _ in range(STARTS)]
    rows = [[name, _spread([each[name] for each in taken])] for name in taken[0]]
    publish("hot-start", [Table("`parley serve` with existing data, and its worker idle", ["", "figure"], rows)])


def _started(folder: Path) -> dict[str, float]:
    """Figures of one start, from the command to the line that says so; then of a while in which nothing happens."""
    variables = {"PARLEY_DATA_DIR": str(folder / "data"), "PARLEY_SECRET_KEY": SECRET}
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "api", "serve", "--port", "0"],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        text=True,
    ) as command:
        try:
            return _figures(command, began)
        finally:
            command.send_signal(signal.SIGTERM)


def _figures(command: subprocess.Popen[str], began: float) -> dict[str, float]:
    assert command.stdout is not None
    said = iter(command.stdout.readline, "")
    assert any(re.match(r"Parley serves http://", line) for line in said), "it didn't start"
    ready = time.perf_counter() - began
    (worker,) = [pid for pid, line in _children(command.pid) if "api.worker" in line]
    spent = {"the command": cpu_seconds([command.pid]), "the worker": cpu_seconds([worker])}
    time.sleep(IDLE_SECONDS)
    idle = (cpu_seconds([worker]) - spent["the worker"]) / IDLE_SECONDS
    return {
        "ready after, s": ready,
        **{f"CPU of {name} till then, s": value for name, value in spent.items()},
        "CPU a second of the idle worker, ms": 1000 * idle,
        "memory of the idle worker, MiB (PSS)": _pss(worker),
        "memory of the command beside it, MiB (PSS)": _pss(command.pid),
    }


def _children(pid: int) -> list[tuple[int, str]]:
    """With their command lines."""
    pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [(int(each), Path(f"/proc/{each}/cmdline").read_text().replace("\0", " ")) for each in pids]


def _pss(pid: int) -> float:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss: +(\d+) kB", rollup, re.MULTILINE)
    assert found
    return int(found[1]) / 1024


def _sent(caller: Caller, query: str, variables: dict[str, Any] | None = None) -> str:
    assert caller.token
    return request("POST", "/graphql", caller.token, {"query": query, "variables": variables or {}})


async def _questions(alice: Caller) -> list[dict[str, Any]]:
    """About her conversations, which the list shows, too."""
    chats = [await start(alice, title=f"chat {number}", tags=["bench"]) for number in range(CHATS)]
    asked = [(action, chat) for chat in chats[:25] for action in ACTIONS]
    return [{"action": action, "resource": {"type": "conversation", "id": chat}} for action, chat in asked]


async def _appends(alice: Caller) -> list[str]:
    """To a conversation for each connection."""
    chats = [await start(alice) for _ in range(CONNECTIONS)]
    return [_sent(alice, APPEND, {"input": {"conversationId": chat, "content": TEXT}}) for chat in chats]


async def _login(served: Served) -> Way:
    """Of an account whose password costs what it costs."""
    stored = PasswordHasher().hash(PASSWORD)
    alice = served.people["alice"]
    await User.get_pymongo_collection().update_one({"_id": alice.id}, {"$set": {"password_hash": stored}})
    variables = {"input": {"email": alice.email, "password": PASSWORD}}
    sent = request("POST", "/graphql", "", {"query": LOGIN, "variables": variables})
    return Way("login", [sent.replace("Authorization: Bearer \r\n", "")], LOGINS)


async def _index(served: Served) -> None:
    while await served.indexer.take():
        pass


def _row(path: Way, column: Sequence[Sample]) -> list[str]:
    figures = ("cpu", "loop", "stores", "rate", "p50", "p99")
    return [path.name, *(_spread([getattr(each, name) for each in column]) for name in figures)]


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.3g} ({min(values):.3g} to {max(values):.3g})"
