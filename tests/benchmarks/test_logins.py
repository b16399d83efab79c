"""How many logins and refreshes a second one process gives, what they cost, and what a wrong login's time tells.

`make bench ARGS="-k logins"` for the load, `ARGS="-k login_times"` for the times.
"""

import asyncio
import http.client
import itertools
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from argon2 import PasswordHasher

from api.cli.serve import environment
from models.clock import now
from models.embedded import EmbeddedStores
from models.user import User
from tests.benchmarks.load import HOST, Job, Outcome, request, run
from tests.benchmarks.report import Table, publish
from tests.benchmarks.servers import Server, serving, unlimited
from tests.served import Served

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="CPU time is read from Linux's /proc"),
]

SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "8"))
SAMPLES: Final = int(os.environ.get("BENCH_SAMPLES", "100"))
ACCOUNTS: Final = 64
PASSWORD: Final = "a quiet parley at noon"
LOGIN: Final = "mutation ($input: LoginInput!) { login(input: $input) { accessToken refreshToken } }"
REFRESH: Final = (
    "mutation ($input: RefreshSessionInput!) { refreshSession(input: $input) { accessToken refreshToken } }"
)
NEEDED: Final = 5_000 / 60
"""New sessions a second that are wanted."""
MIB: Final = 64


def body(query: str, **input: str) -> dict[str, Any]:
    return {"query": query, "variables": {"input": input}}


async def test_logins_and_refreshes_are_measured_through_http(
    served: Served, stores: EmbeddedStores, tmp_path: Path
) -> None:
    names = await _accounts()
    rows: list[list[str]] = []
    for hashers in (1, 2):
        with _server(served, stores, tmp_path, password_hashers=hashers) as server:
            sent = [request("POST", "/graphql", "", body(LOGIN, email=name, password=PASSWORD)) for name in names]
            anonymous = [each.replace("Authorization: Bearer \r\n", "") for each in sent]
            for connections in (1, 8, 32):
                cost = await asyncio.to_thread(_measured, server, anonymous, connections)
                rows.append([f"login, {_plural(hashers, 'hasher')}, {_plural(connections, 'connection')}", *cost])
            if hashers == 2:
                for connections in (1, 32):
                    cost = await _refreshed(server, names[:connections])
                    rows.append([f"refresh, {_plural(connections, 'connection')}", *cost])
    rows.append(["argon2id alone, in this process", *_alone()])
    head = ["", "a second", "p50, ms", "p99, ms", "CPU each, ms", f"cores for {NEEDED:.0f} a second"]
    note = (
        f"One server process on the embedded stores, {SECONDS:g} s each; CPU is the server's own. "
        f"A hasher takes {MIB} MiB while it works."
    )
    publish("logins", [Table("Logins and refreshes", head, rows)], [note])


async def test_login_times_of_wrong_logins_are_measured(served: Served, stores: EmbeddedStores, tmp_path: Path) -> None:
    names = await _accounts()
    await User.get_pymongo_collection().update_one({"email_key": names[1]}, {"$set": {"disabled": True}})
    cases = {
        "no such account": ("nobody@load.example", "wrong"),
        "wrong password": (names[0], "wrong"),
        "closed account, right password": (names[1], PASSWORD),
        "a service's name": ("billing", "wrong"),
    }
    with _server(served, stores, tmp_path) as server:
        taken = await asyncio.to_thread(_timed, server, cases)
    unknown = taken["no such account"]
    rows = [
        [
            name,
            f"{statistics.median(times):.2f}",
            f"{statistics.median(times) - statistics.median(unknown):+.2f}",
            f"{statistics.quantiles(times, n=20)[0]:.2f} to {statistics.quantiles(times, n=20)[18]:.2f}",
            f"{_longer(times, unknown):.2f}",
        ]
        for name, times in taken.items()
    ]
    head = ["", "median, ms", "beside no such account", "5 to 95 of 100", "longer than it, share"]
    note = f"{SAMPLES} of each, in turns. A share of 0.50 tells nothing: a coin would."
    publish("login_times", [Table("What the time of a wrong login tells", head, rows)], [note])


async def _accounts() -> list[str]:
    """Accounts with the real cost of a password."""
    stored = PasswordHasher().hash(PASSWORD)
    names = [f"person{number}@load.example" for number in range(ACCOUNTS)]
    common = {"password_hash": stored, "created_at": now()}
    people = [User(email=name, email_key=name, display_name=name, name_key=name, **common) for name in names]
    service = User(email="billing", email_key="billing", display_name="b", name_key="b", client_secret="0", **common)
    await User.insert_many([*people, service])
    return names


@contextmanager
def _server(served: Served, stores: EmbeddedStores, folder: Path, **more: Any) -> Iterator[Server]:
    settings = unlimited(served, stores, log_level="info", **more)
    with serving("api.worker", environment(settings), folder / "server.log") as server:
        yield server


def _measured(server: Server, requests: Sequence[str], connections: int) -> list[str]:
    before = server.cpu_seconds()
    outcome = run(Job(server.port, connections, SECONDS, requests))
    return _row(outcome, server.cpu_seconds() - before)


def _row(outcome: Outcome, cpu: float) -> list[str]:
    each = cpu / outcome.answers
    a_second = f"{outcome.answers / outcome.seconds:.1f}"
    return [a_second, f"{outcome.p50:.1f}", f"{outcome.p99:.1f}", f"{each * 1000:.1f}", f"{each * NEEDED:.1f}"]


async def _refreshed(server: Server, names: Sequence[str]) -> list[str]:
    """Each connection is a session that is refreshed again and again, with the token that it got last."""
    before = server.cpu_seconds()
    tokens = [await asyncio.to_thread(_token, server, body(LOGIN, email=name, password=PASSWORD)) for name in names]
    before, started = server.cpu_seconds(), time.perf_counter()
    each = await asyncio.gather(*(_refreshing(server, token, started + SECONDS) for token in tokens))
    seconds, cpu = time.perf_counter() - started, server.cpu_seconds() - before
    taken = list(itertools.chain.from_iterable(each))
    percentiles = statistics.quantiles(taken, n=100, method="inclusive")
    return _row(Outcome(len(taken), seconds, percentiles[49] * 1000, percentiles[98] * 1000), cpu)


async def _refreshing(server: Server, token: str, deadline: float) -> list[float]:
    reader, writer = await asyncio.open_connection(HOST, server.port)
    taken: list[float] = []
    while (begun := time.perf_counter()) < deadline:
        sent = request("POST", "/graphql", "", body(REFRESH, refreshToken=token))
        writer.write(sent.replace("Authorization: Bearer \r\n", "").encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        answer = await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]))
        token = orjson.loads(answer)["data"]["refreshSession"]["refreshToken"]
        taken.append(time.perf_counter() - begun)
    writer.close()
    return taken


def _token(server: Server, sent: dict[str, Any]) -> str:
    connection = http.client.HTTPConnection(HOST, server.port)
    answer = _posted(connection, sent)
    connection.close()
    return str(answer["data"]["login"]["refreshToken"])


def _posted(connection: http.client.HTTPConnection, sent: dict[str, Any]) -> Any:
    connection.request("POST", "/graphql", orjson.dumps(sent), {"Content-Type": "application/json"})
    return orjson.loads(connection.getresponse().read())


def _timed(server: Server, cases: dict[str, tuple[str, str]]) -> dict[str, list[float]]:
    """Milliseconds of each wrong login, in turns, so that whatever else the machine does falls on all alike."""
    connection = http.client.HTTPConnection(HOST, server.port)
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(SAMPLES + 5):
        for name, (email, password) in cases.items():
            begun = time.perf_counter()
            answer = _posted(connection, body(LOGIN, email=email, password=password))
            if number >= 5:
                taken[name].append((time.perf_counter() - begun) * 1000)
            assert answer["errors"][0]["message"] == "wrong email or password"
    connection.close()
    return taken


def _longer(times: Sequence[float], others: Sequence[float]) -> float:
    """How often a time of the first kind is longer than one of the second (Mann and Whitney)."""
    pairs = [(one, other) for one in times for other in others]
    return sum((one > other) + (one == other) / 2 for one, other in pairs) / len(pairs)


def _alone() -> list[str]:
    hasher = PasswordHasher()
    stored = hasher.hash(PASSWORD)
    taken, cpu = [], time.process_time()
    for _ in range(20):
        begun = time.perf_counter()
        hasher.verify(stored, PASSWORD)
        taken.append(time.perf_counter() - begun)
    percentiles = statistics.quantiles(taken, n=100, method="inclusive")
    outcome = Outcome(len(taken), sum(taken), percentiles[49] * 1000, percentiles[98] * 1000)
    return _row(outcome, time.process_time() - cpu)


def _plural(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
