"""The load generator: keep-alive connections that each wait for an answer before they ask again.

A process of its own (`python -m tests.benchmarks.load`, a job on standard input), so that it shares no interpreter
with what it measures. Plain HTTP/1.1 over streams: a client library would cost more than the server.
"""

import asyncio
import itertools
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any, Final

import orjson
import uvloop

HOST: Final = "127.0.0.1"


@dataclass(frozen=True)
class Job:
    """`requests` are shared out: a connection sends the same one again and again."""

    port: int
    connections: int
    seconds: float
    requests: Sequence[str]


@dataclass(frozen=True)
class Outcome:
    """`p50` and `p99` in milliseconds."""

    answers: int
    seconds: float
    p50: float
    p99: float


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
    """One answer, parsed."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        return orjson.loads(await _exchange(reader, writer, sent.encode()))
    finally:
        writer.close()


def run(job: Job) -> Outcome:
    """Do `job` in another process, and wait for it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.load"], input=orjson.dumps(job), stdout=subprocess.PIPE, check=True
    )
    return Outcome(**orjson.loads(done.stdout))


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes) -> bytes:
    writer.write(sent)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    if not head.startswith(b"http/1.1 200 ") or b'"errors":' in body:
        raise RuntimeError(f"not what was asked for: {body[:500]!r}")
    return body


async def _work(job: Job) -> Outcome:
    streams = [await asyncio.open_connection(HOST, job.port) for _ in range(job.connections)]
    started = time.perf_counter()
    deadline = started + job.seconds
    each = await asyncio.gather(
        *(
            _repeat(*stream, sent.encode(), deadline)
            for stream, sent in zip(streams, itertools.cycle(job.requests), strict=False)
        )
    )
    seconds = time.perf_counter() - started
    taken = list(itertools.chain.from_iterable(each))
    percentiles = quantiles(taken, n=100, method="inclusive")
    return Outcome(len(taken), seconds, percentiles[49] * 1000, percentiles[98] * 1000)


async def _repeat(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes, deadline: float
) -> list[float]:
    taken: list[float] = []
    while (begun := time.perf_counter()) < deadline:
        await _exchange(reader, writer, sent)
        taken.append(time.perf_counter() - begun)
    writer.close()
    return taken


def main() -> None:
    job = Job(**orjson.loads(sys.stdin.buffer.read()))
    outcome = uvloop.run(_work(job))
    sys.stdout.buffer.write(orjson.dumps(outcome))


if __name__ == "__main__":
    main()
