"""A crowd of subscribers over WebSockets, that counts what comes and looks at nothing.

A process of its own (`python -m tests.benchmarks.crowd`), so that it shares no interpreter with what it measures. Bare
frames over uvloop: a client library would cost more than the server. A `Job` comes on standard input, then commands,
a line each, and each is answered with a line:

- `joined`: how many sockets have had an event.
- `events`: how many have come.
- `refused`: how often one of them was told something else, and asked again.
- `quiet`: when nothing has come for a while.
- `expect N`: when N more events have come; the answer is when the last did (`time.perf_counter`, which is the
  machine's). `expect N M` has a further answer when M more have.
"""

import asyncio
import base64
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
import uvloop

HOST: Final = "127.0.0.1"
AT_ONCE: Final = 40
QUIET_SECONDS: Final = 0.5
AGAIN_SECONDS: Final = 1.0
TEXT, PING, CLOSE = 1, 9, 8


@dataclass(frozen=True)
class Job:
    """`tokens` and `conversations` are shared out: the next socket gets the next of each."""

    port: int
    sockets: int
    tokens: Sequence[str]
    conversations: Sequence[str]
    query: str


class Tally:
    """What came, to all of them."""

    def __init__(self) -> None:
        self.events = 0
        self.joined = 0
        self.refused = 0
        self.last = 0.0
        self._targets: dict[int, asyncio.Future[float]] = {}

    def count(self, *, first: bool) -> None:
        """One more."""
        self.events += 1
        self.joined += first
        self.last = time.perf_counter()
        if self.events in self._targets:
            self._targets.pop(self.events).set_result(self.last)

    def more(self, *numbers: int) -> list[asyncio.Future[float]]:
        """When that many more will have come, and then as many more as the next says."""
        expected = {self.events + sum(numbers[: place + 1]): asyncio.Future[float]() for place in range(len(numbers))}
        self._targets |= expected
        return list(expected.values())

    async def quiet(self) -> None:
        """Return when nothing comes any more."""
        before = None
        while self.events != before:
            before = self.events
            await asyncio.sleep(QUIET_SECONDS)


class Subscriber(asyncio.Protocol):
    """One socket."""

    def __init__(self, tally: Tally, token: str, subscribe: bytes) -> None:
        self.acknowledged = asyncio.get_running_loop().create_future()
        self._tally = tally
        self._token = token
        self._subscribe = subscribe
        self._buffer = b""
        self._shaken = False
        self._events = 0
        self._over = False
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        head = [
            "GET /graphql HTTP/1.1",
            f"Host: {HOST}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: graphql-transport-ws",
        ]
        self._transport.write("\r\n".join([*head, "", ""]).encode())

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.acknowledged.done():
            self.acknowledged.set_exception(ConnectionError("closed before it began"))

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        if not self._shaken:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._buffer = head
                return
            self._shaken = True
            payload = orjson.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {self._token}"}})
            self._transport.write(_frame(TEXT, payload))
        self._buffer = self._taken(data)

    def _taken(self, data: bytes) -> bytes:
        """What is left of it after whole frames."""
        while len(data) >= 2:
            start, length = 2, data[1]
            if length == 126:
                start, length = 4, int.from_bytes(data[2:4])
            elif length == 127:
                start, length = 10, int.from_bytes(data[2:10])
            if len(data) < start + length:
                break
            self._take(data[0] & 15, data[start : start + length])
            data = data[start + length :]
        return data

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self._transport.write(_frame(10, payload))
        elif opcode == TEXT and not self.acknowledged.done():
            assert b"connection_ack" in payload, payload
            self._transport.write(_frame(TEXT, self._subscribe))
            self.acknowledged.set_result(None)
        elif opcode == TEXT and self._over:
            return
        elif opcode == TEXT and (b'"next"' not in payload or b'"errors"' in payload):
            sys.stderr.write(f"not an event: {payload[:500]!r}\n")
            if payload.endswith(b'"complete"}'):  # a store was too busy when it came: it asks again, as clients do
                self._tally.refused += 1
                asyncio.get_running_loop().call_later(
                    AGAIN_SECONDS, self._transport.write, _frame(TEXT, self._subscribe)
                )
        elif opcode == TEXT:
            self._events += 1
            self._over = b"AccessRevoked" in payload  # nobody comes back after that
            self._tally.count(first=self._events == 1)
        elif opcode == CLOSE:
            sys.stderr.write(f"closed: {payload!r}\n")


def _frame(opcode: int, payload: bytes) -> bytes:
    """Masked with zeros: it says the same."""
    length = len(payload)
    size = bytes([0x80 | length]) if length < 126 else b"\xfe" + length.to_bytes(2)
    return bytes([0x80 | opcode]) + size + bytes(4) + payload


async def _come(job: Job, tally: Tally) -> list[Subscriber]:
    gate = asyncio.Semaphore(AT_ONCE)
    loop = asyncio.get_running_loop()

    async def one(number: int) -> Subscriber:
        variables = {"id": job.conversations[number % len(job.conversations)]}
        payload = {"query": job.query, "variables": variables}
        subscribe = orjson.dumps({"type": "subscribe", "id": f"{number:032x}", "payload": payload})
        async with gate:
            token = job.tokens[number % len(job.tokens)]
            _, subscriber = await loop.create_connection(lambda: Subscriber(tally, token, subscribe), HOST, job.port)
            await subscriber.acknowledged
        return subscriber

    return list(await asyncio.gather(*(one(number) for number in range(job.sockets))))


async def _serve() -> None:
    reader = asyncio.StreamReader(limit=2**26)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    job, tally = Job(**orjson.loads(await reader.readline())), Tally()
    there = await _come(job, tally)
    _say(len(there))
    while command := (await reader.readline()).split():
        if command[0] == b"joined":
            _say(tally.joined)
        elif command[0] == b"events":
            _say(tally.events)
        elif command[0] == b"refused":
            _say(tally.refused)
        elif command[0] == b"quiet":
            await tally.quiet()
            _say(tally.events)
        else:
            expected = tally.more(*map(int, command[1:]))
            _say("expecting")
            for each in expected:
                _say(repr(await each))


def _say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(_serve())
