"""The drill: 4 workers, 200 subscribers, 10,000 messages; connections, workers and Redis die in the middle.

`make drill-live`; `DRILL_EVENTS=1000` makes it shorter.
"""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.api.clients import APPEND, Person
from tests.api.commands import Parley, Server
from tests.benchmarks.report import Table, publish
from tests.drills.subscribers import SocketSubscriber, StreamSubscriber, Subscriber
from tests.drills.verdicts import Verdict
from tests.processes import kill_9

pytestmark = pytest.mark.benchmark

EVENTS: Final = int(os.environ.get("DRILL_EVENTS", "10000"))
WORKERS: Final = 4
PEOPLE: Final = ("alice", "john", "sara", "admin")
CONVERSATIONS: Final = 10
SUBSCRIBERS: Final = 200
STREAMS: Final = 5
"""Every so manyth subscriber listens to Server-Sent Events."""
PATIENCE_SECONDS: Final = 120.0
HARM: Final = ((0.25, "api.worker"), (0.5, "valkey-server"), (0.75, "api.worker"))
"""What is killed with -9, after which part of the messages was acknowledged."""


@dataclass
class Writers:
    """One to a conversation: it appends the next message when the last one is acknowledged."""

    conversations: dict[str, Person]
    http: httpx.AsyncClient
    acknowledged: int = 0
    repeated: int = 0

    async def write(self, messages: int) -> None:
        """So many to each."""
        async with asyncio.TaskGroup() as tasks:
            for conversation_id, person in self.conversations.items():
                tasks.create_task(self._write(conversation_id, person, messages))

    async def _write(self, conversation_id: str, person: Person, messages: int) -> None:
        for number in range(messages):
            content = str(number)
            sent = {"conversationId": conversation_id, "content": content, "idempotencyKey": content}
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not await self._acknowledged(person, {"query": APPEND, "variables": {"input": sent}}):
                assert time.monotonic() < deadline, f"message {number} was never acknowledged"
                self.repeated += 1
                await asyncio.sleep(0.05)
            self.acknowledged += 1

    async def _acknowledged(self, person: Person, asked: dict[str, object]) -> bool:
        try:
            answer = (await self.http.post("/graphql", json=asked, headers=person.headers)).json()
        except httpx.TransportError:
            return False
        assert "errors" not in answer or answer["errors"][0]["extensions"]["code"] == "UNAVAILABLE", answer
        return "errors" not in answer

    async def reach(self, number: float) -> None:
        """Wait until so many are acknowledged."""
        while self.acknowledged < number:  # noqa: ASYNC110 (any of the writers gets there)
            await asyncio.sleep(0.01)


async def test_nothing_is_lost_double_or_out_of_order(tmp_path: Path) -> None:
    parley = Parley(
        tmp_path, {"DATA_DIR": str(tmp_path / "data"), "LOG_LEVEL": "error", "ACCESS_TOKEN_SECONDS": "3600"}
    )
    with parley.serve("--demo", "--workers", str(WORKERS)) as server:
        people = [await asyncio.to_thread(Person.login, server.url, f"{name}@demo.example") for name in PEOPLE]
        owners = [people[number % len(people)] for number in range(CONVERSATIONS)]
        conversations = {await asyncio.to_thread(each.start): each for each in owners}
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)  # any worker may answer
        async with httpx.AsyncClient(base_url=server.url, limits=limits, timeout=30, verify=False) as http:
            subscribers = _subscribers(conversations, http)
            writers = Writers(conversations, http)
            began = time.perf_counter()
            await _run(server, writers, subscribers)
            seconds = time.perf_counter() - began
    newest = EVENTS // CONVERSATIONS - 1
    verdict = Verdict.total([Verdict.of(each.seen, newest) for each in subscribers])
    _publish(writers, subscribers, verdict, seconds)
    assert (verdict.missing, verdict.double, verdict.disordered) == (0, 0, 0)


def _subscribers(conversations: dict[str, Person], http: httpx.AsyncClient) -> list[Subscriber]:
    kinds = [StreamSubscriber if number % STREAMS == 0 else SocketSubscriber for number in range(SUBSCRIBERS)]
    ids = list(conversations)
    return [
        kind(conversations[ids[number % len(ids)]], ids[number % len(ids)], random.Random(number), http)
        for number, kind in enumerate(kinds)
    ]


async def _run(server: Server, writers: Writers, subscribers: Sequence[Subscriber]) -> None:
    """Until all is written and has arrived."""
    following = [asyncio.create_task(each.run()) for each in subscribers]
    try:
        await _all(subscribers, following, lambda each: bool(each.seen))
        writing = asyncio.create_task(writers.write(EVENTS // CONVERSATIONS))
        for part, program in HARM:
            await _reached(writers, writing, part * EVENTS)
            kill_9(random.choice(server.started(program)))
        await writing
        await _all(subscribers, following, lambda each: each.newest >= EVENTS // CONVERSATIONS - 1)
    finally:
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)


async def _all(
    subscribers: Sequence[Subscriber], following: Sequence[asyncio.Task[None]], there: Callable[[Subscriber], bool]
) -> None:
    """Wait until all of them are there; who fails ends it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while waiting := [each for each in subscribers if not there(each)]:
        for task in following:
            if task.done():
                task.result()
        assert time.monotonic() < deadline, f"{len(waiting)} subscribers wait: {waiting[0]}"
        await asyncio.sleep(0.05)


async def _reached(writers: Writers, writing: asyncio.Task[None], number: float) -> None:
    reaching = asyncio.create_task(writers.reach(number))
    await asyncio.wait({reaching, writing}, return_when=asyncio.FIRST_COMPLETED)
    if not reaching.done():
        reaching.cancel()
        writing.result()


def _publish(writers: Writers, subscribers: Sequence[Subscriber], verdict: Verdict, seconds: float) -> None:
    came = sum(each.number is not None for one in subscribers for each in one.seen)
    rows = [
        ["messages acknowledged", f"{writers.acknowledged:,}"],
        ["appends that were sent again", f"{writers.repeated:,}"],
        ["subscribers", f"{len(subscribers):,}"],
        ["events that they saw", f"{came:,}"],
        ["connections that they lost", f"{sum(each.connections - 1 for each in subscribers):,}"],
        ["missing", str(verdict.missing)],
        ["told of by a `ResyncRequired` that came after the next message", str(verdict.late)],
        ["double", str(verdict.double)],
        ["out of order", str(verdict.disordered)],
        *(
            [f"`ResyncRequired`: {reason}", f"{number:,}"]
            for reason, number in sorted(Counter(verdict.reasons).items())
        ),
        ["it took", f"{seconds:.0f} s"],
    ]
    harm = ", ".join(f"{program} at {part:.0%}" for part, program in HARM)
    note = f"{WORKERS} workers; killed with -9: {harm}. Each subscriber began with a cursor that no history holds."
    publish("drill-live", [Table("Live messages while things die", ["", "figure"], rows)], [note])
