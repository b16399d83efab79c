"""The load generator: keep-alive connections that each wait for an answer before they ask again.

A process of its own (`python -m tests.benchmarks.load`, a job on standard input), so that it shares no interpreter
with what it measures. HTTP/1.1 by hand on a protocol of asyncio, and no streams: a client library would cost more than
the server. It tells what of a core it took itself: near 1 it is the limit, and not the server.
"""

import asyncio
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any, Final, cast

import orjson
import uvloop

HOST: Final = "127.0.0.1"
OK: Final = b"HTTP/1.1 200 "
HEAD_END: Final = b"\r\n\r\n"
LENGTH: Final = b"content-length:"
ERRORS: Final = b'"errors":'
WARM: Final = b"warm\n"
"""Said when what counts begins."""


@dataclass(frozen=True)
class Job:
    """`requests` are shared out: a connection sends the same one again and again.

    It does so for `warm` seconds before what counts. A job that is `patient` preempts nobody as it wakes, where the
    system knows such (`sched(7)`, `SCHED_BATCH`).
    """

    port: int
    connections: int
    seconds: float
    requests: Sequence[str]
    warm: float = 0.0
    patient: bool = False


@dataclass(frozen=True)
class Outcome:
    """`p50` and `p99` in milliseconds; `busy` is the share of a core that the generator itself took."""

    answers: int
    seconds: float
    p50: float
    p99: float
    busy: float = 0.0


class NoAnswerError(Exception):
    """What came is no answer: an error, or a closed connection."""


def request(method: str, path: str, token: str, body: object = None) -> str:
    """An HTTP request, as it goes over the wire."""
    payload = "" if body is None else orjson.dumps(body).decode()
    head = [
        f"{method} {path} HTTP/1.1",
        f"Host: {HOST}",
        f"Authorization: Bearer {token}",
        "Accept: application/json",
        *(["Content-Type: application/json", f"Content-Length: {len(payload.encode())}"] if payload else []),
    ]
    return "\r\n".join([*head, "", payload])


async def ask(port: int, sent: str) -> Any:
    """One answer, parsed. Raise `NoAnswerError`."""
    connection = await _connect(port, sent)
    try:
        await connection.exchange()
        return orjson.loads(connection.body)
    finally:
        connection.close()


def run(job: Job, begun: Callable[[], None] = lambda: None) -> Outcome:
    """Do `job` in another process, and wait for it. `begun` is called when what counts begins."""
    command = [sys.executable, "-m", "tests.benchmarks.load"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(orjson.dumps(job))
        process.stdin.close()
        if process.stdout.readline() == WARM:
            begun()
        done = process.stdout.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Outcome(**orjson.loads(done))


class Connection(asyncio.Protocol):
    """Sends one request again and again until a deadline, each when the answer to the last is there."""

    def __init__(self, sent: bytes) -> None:
        self._sent = sent
        self._transport: asyncio.Transport | None = None
        self._begun = self._deadline = 0.0
        self._end = 0
        """The length of the answer, head and all; 0 while that isn't known."""
        self._received = bytearray()
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.body = b""
        """The last answer's."""
        self.taken: list[float] = []
        """Seconds of each exchange."""

    async def exchange(self, until: float = 0.0) -> None:
        """Ask once, and as long as it is before `until`. Raise `NoAnswerError`."""
        self._deadline = until
        if self._over.done():
            self._over = asyncio.get_running_loop().create_future()
        self._ask()
        await self._over

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        if not self._end:
            self._end = _end(received)
        if not self._end or len(received) < self._end:
            return
        now = time.perf_counter()
        self.taken.append(now - self._begun)
        if not received.startswith(OK) or ERRORS in received:
            self._fail(f"not what was asked for: {bytes(received[:1000])!r}")
        elif now < self._deadline:
            self._ask()
        else:
            self.body = bytes(received).partition(HEAD_END)[2]
            self._over.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(f"the server hung up: {error}")

    def _ask(self) -> None:
        self._received.clear()
        self._end = 0
        self._begun = time.perf_counter()
        if self._transport is not None:
            self._transport.write(self._sent)

    def _fail(self, what: str) -> None:
        if not self._over.done():
            self._over.set_exception(NoAnswerError(what))


def _end(received: bytearray) -> int:
    """Where an answer ends, as its head says; 0 while that isn't there."""
    head_end = received.find(HEAD_END)
    if head_end < 0:
        return 0
    head = bytes(received[:head_end]).lower()
    return head_end + len(HEAD_END) + int(head.partition(LENGTH)[2].partition(b"\r\n")[0])


async def _connect(port: int, sent: str) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection(sent.encode()), HOST, port)
    return connection


async def _exchange(connections: Sequence[Connection], seconds: float) -> None:
    until = time.perf_counter() + seconds
    await asyncio.gather(*(each.exchange(until) for each in connections))


async def _work(job: Job) -> Outcome:
    sent = itertools.islice(itertools.cycle(job.requests), job.connections)
    connections = [await _connect(job.port, each) for each in sent]
    if job.warm:
        await _exchange(connections, job.warm)
        for each in connections:
            each.taken.clear()
    sys.stdout.buffer.write(WARM)
    sys.stdout.buffer.flush()
    busy, started = time.process_time(), time.perf_counter()
    await _exchange(connections, job.seconds)
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    for each in connections:
        each.close()
    taken = list(itertools.chain.from_iterable(each.taken for each in connections))
    percentiles = quantiles(taken, n=100, method="inclusive")
    return Outcome(len(taken), seconds, percentiles[49] * 1000, percentiles[98] * 1000, busy / seconds)


def main() -> None:
    job = Job(**orjson.loads(sys.stdin.buffer.read()))
    if job.patient:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    outcome = uvloop.run(_work(job))
    sys.stdout.buffer.write(orjson.dumps(outcome))


if __name__ == "__main__":
    main()
