"""How soon thousands hear that they have lost a right, over sockets, with all that it takes on one machine.

`make bench ARGS="-k losing"`; `LOSING_SOCKETS=10000` is the whole of it.
"""

import os
import time
from pathlib import Path
from typing import Final

import httpx
import pytest

from api.cli.serve import environment
from models.embedded import EmbeddedStores
from models.policy import Policy
from models.role import GrantEffect
from permissions.changes import SYSTEM
from tests.benchmarks.crowd import HOST, Job
from tests.benchmarks.report import Table, publish
from tests.benchmarks.servers import serving
from tests.benchmarks.test_fanout import _crowd, _joined, _settings, _tokens
from tests.resolvers.chat.documents import start
from tests.served import Caller, Served

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="CPU time is read from Linux's /proc"),
]

SOCKETS: Final = int(os.environ.get("LOSING_SOCKETS", "1000"))
FOLLOW: Final = """subscription ($id: ID!) { conversationEvents(conversationId: $id) {
  __typename cursor ... on MessageAdded { message { id content } } ... on AccessRevoked { reason decisionId } } }"""


async def test_thousands_who_lose_their_right_at_once(served: Served, stores: EmbeddedStores, tmp_path: Path) -> None:
    alice = await served.as_("alice")
    tokens = await _tokens(served, SOCKETS)
    conversation = await start(alice, attributes={"region": "EMEA", "clearance_required": 2})
    loss = Policy(id="lost", effect=GrantEffect.DENY, actions=["message:read"], when="user.clearance == 3")
    with serving("api.worker", environment(_settings(served, stores)), tmp_path / "worker.log") as server:
        async with (
            httpx.AsyncClient(base_url=f"http://{HOST}:{server.port}", timeout=60) as http,
            _crowd(Job(server.port, SOCKETS, tokens, [conversation], FOLLOW)) as crowd,
        ):
            await _joined(crowd, Caller(http, alice.user, alice.token), [conversation], SOCKETS)
            shares = [1, SOCKETS // 2 - 1, SOCKETS - SOCKETS // 2]  # nobody is told before all are judged
            await crowd.ask(f"expect {' '.join(map(str, shares))}")
            begun, spent = time.perf_counter(), server.cpu_seconds()
            await served.services.changes.put_policy(loss, SYSTEM)
            judged, half, last = [float(await crowd.answer()) - begun for _ in shares]
            spent = server.cpu_seconds() - spent
    row = [
        f"{SOCKETS:,}",
        *(f"{each:.2f} s" for each in (judged, half, last, spent)),
        f"{spent / SOCKETS * 1e6:.0f} µs",
    ]
    head = ["followers", "all judged, first told", "half told", "last told", "CPU of the worker", "each"]
    publish(
        "losing", [Table("A rule takes a right from all who follow a conversation, each over his socket", head, [row])]
    )
