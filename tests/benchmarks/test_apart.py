"""As many conversations as subscribers: each follows one that nobody else does, beside Strawberry's own handler.

`make bench ARGS="-k as_many"`; `FANOUT_APART=10000` is the whole of it, in some minutes. `FANOUT_APART_PLAIN` are those
of Strawberry's (0: none). Conversations are planted. Once before the rounds, and once after them, something happens in
each; in the rounds, in some.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles
from typing import Final

import httpx
import pytest
from beanie import PydanticObjectId
from redis.asyncio import Redis

from api.cli.serve import environment
from models.clock import now
from models.conversation import Conversation
from models.embedded import EmbeddedStores
from models.tree import TreeLimits
from resolvers.chat.events import channel
from resolvers.ids import encode
from resolvers.live.broker import Note
from resolvers.live.streams import stream_name
from tests.benchmarks.crowd import HOST, Job
from tests.benchmarks.report import Table, publish
from tests.benchmarks.servers import Server, serving
from tests.benchmarks.test_fanout import FOLLOW, SOCKETS, Crowd, _append, _crowd, _idle, _resident, _settings, _tokens
from tests.served import Caller, Served

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="CPU time is read from Linux's /proc"),
]

APART: Final = int(os.environ.get("FANOUT_APART", min(SOCKETS, 1000)))
PLAIN: Final = int(os.environ.get("FANOUT_APART_PLAIN", min(APART, 500)))
CONTENDERS: Final = (
    ("Parley", "api.worker", APART),
    ("Strawberry's handler", "tests.benchmarks.plain_sockets", PLAIN),
)
A_USER: Final = 100
FEW: Final = 10
ROUNDS: Final = 5
A_ROUND: Final = 40
"""Messages appended in a round, each in another conversation."""
SETTLING: Final = 10
"""News of each, until the allocator has been given all that telling ever takes at once."""
AT_ONCE: Final = 500
"""Documents that are stored, and conversations of which something is told, together."""
JOINING_SECONDS: Final = 240.0
STUCK_SECONDS: Final = 60.0
SILENCE_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.2
NEWS: Final = b"{}"


async def test_as_many_conversations_as_subscribers(
    served: Served, stores: EmbeddedStores, redis: Redis, tmp_path: Path
) -> None:
    alice = await served.as_("alice")
    tokens = await _tokens(served, max(1, APART // A_USER))
    ids = await _planted(served, APART)
    rows = []
    for name, module, number in CONTENDERS:
        if not number:
            continue
        others = await _listening(redis)
        with serving(module, environment(_settings(served, stores)), tmp_path / f"{module}.log") as server:
            async with httpx.AsyncClient(base_url=f"http://{HOST}:{server.port}", timeout=60) as http:
                world = _World(served, redis, server, Caller(http, alice.user, alice.token), tokens, ids)
                rows.append([name, *await world.measured(number, others)])
    head = ["", "subscribers", "all in after", "told to come again", "latency p50", "p99", "memory each"]
    head += [f"more of it after {ROUNDS} rounds, and news of each", f"after {SETTLING} more news of each"]
    head += ["after as much again as at first", "CPU a second, idle", "connections that listen"]
    note = (
        f"One worker; in each of {ROUNDS} rounds a message is appended over HTTP to each of {A_ROUND} conversations, "
        "one after the other; latency from sending the request until its only subscriber has the event."
    )
    publish("fanout-apart", [Table("As many conversations as subscribers", head, rows)], [note])


class _World:
    def __init__(
        self,
        served: Served,
        redis: Redis,
        server: Server,
        asker: Caller,
        tokens: Sequence[str],
        ids: Sequence[PydanticObjectId],
    ) -> None:
        self._broker = served.services.broker
        self._redis, self._server, self._asker, self._tokens, self._ids = redis, server, asker, tokens, ids

    async def measured(self, number: int, others: int) -> list[str]:
        server, written = self._server, [encode("Conversation", id_) for id_ in self._ids]
        async with _crowd(Job(server.port, FEW, self._tokens[:1], written[:FEW], FOLLOW)) as few:  # what is made once
            await self._joined(few, FEW)
        before, begun = _resident(server), time.perf_counter()
        async with _crowd(Job(server.port, number, self._tokens, written[:number], FOLLOW)) as crowd:
            await self._joined(crowd, number)
            took, joined, listening = time.perf_counter() - begun, _resident(server), await _listening(self._redis)
            latencies = await self._rounds(crowd, written[:number])
            after, idle, again = _resident(server), await _idle(server), await crowd.ask("refused")
            for _ in range(SETTLING):
                await self._news(crowd, number)
            settled = _resident(server)
            await self._rounds(crowd, written[:number])
            last = _resident(server)
        cuts = quantiles(latencies, n=100)
        return [
            f"{number:,}",
            f"{took:.0f} s",
            again,
            f"{1000 * cuts[49]:.0f} ms",
            f"{1000 * cuts[98]:.0f} ms",
            f"{(joined - before) / number / 1024:.0f} KiB",
            f"{(after - joined) / number / 1024:.1f} KiB",
            f"{(settled - joined) / number / 1024:.1f} KiB",
            f"{(last - joined) / number / 1024:.1f} KiB",
            f"{1000 * idle:.0f} ms",
            str(listening - others),
        ]

    async def _rounds(self, crowd: Crowd, written: Sequence[str]) -> list[float]:
        """Messages in some of them, and news of each; how long each message took."""
        places = range(ROUNDS * A_ROUND)
        latencies = [await self._latency(crowd, written[place * len(written) // len(places)]) for place in places]
        await self._news(crowd, len(written))
        return latencies

    async def _joined(self, crowd: Crowd, number: int) -> None:
        """Return when each has been told something."""
        there, since = 0, time.perf_counter()
        while there < number:
            before, there = there, len(await self._redis.pubsub_channels(stream_name("conversation:*").decode()))
            since = since if there == before else time.perf_counter()
            assert time.perf_counter() - since < STUCK_SECONDS, f"nobody comes in after {there:,}"
            await asyncio.sleep(LOOK_SECONDS)  # nobody tells
        begun = time.perf_counter()
        while await self._news(crowd, number) < number:
            assert time.perf_counter() - begun < JOINING_SECONDS, "they are told nothing"

    async def _news(self, crowd: Crowd, number: int) -> int:
        """Have something happen in each, of which nothing is stored; how many have heard anything so far.

        It returns when each has heard it, or nothing more has come for a while: nothing of it is under way, then.
        """
        come = int(await crowd.ask("events"))
        for first in range(0, number, AT_ONCE):
            await self._broker.publish_all([Note(channel(id_), NEWS) for id_ in self._ids[first:number][:AT_ONCE]])
        heard, since = come, time.perf_counter()
        while heard < come + number and time.perf_counter() - since < SILENCE_SECONDS:
            await asyncio.sleep(LOOK_SECONDS)  # nobody tells
            before, heard = heard, int(await crowd.ask("events"))
            since = since if heard == before else time.perf_counter()
        return int(await crowd.ask("joined"))

    async def _latency(self, crowd: Crowd, conversation: str) -> float:
        await crowd.ask("expect 1")
        sent = time.perf_counter()
        await _append(self._asker, conversation)
        return float(await crowd.answer()) - sent


async def _planted(served: Served, number: int) -> list[PydanticObjectId]:
    """Of Alice's, without messages."""
    width, at = TreeLimits().bucket_messages, now()
    about = {"region": "EMEA", "clearance_required": 2}
    owner = served.people["alice"].id
    planted = [
        Conversation(owner_id=owner, attributes=about, started_at=at, updated_at=at, slot_width=width)
        for _ in range(number)
    ]
    for first in range(0, number, AT_ONCE):
        await Conversation.insert_many(planted[first : first + AT_ONCE])
    return [each.id for each in planted]


async def _listening(redis: Redis) -> int:
    """Connections that are subscribed to anything."""
    clients = await redis.client_list()
    return sum(int(each["sub"]) + int(each["psub"]) + int(each["ssub"]) > 0 for each in clients)
