"""What it costs to tell thousands of subscribers the same, beside Strawberry's own handler on the same subscription.

`make bench ARGS="-k fanout"`; `FANOUT_SOCKETS=10000` is the whole of it, `FANOUT_PLAIN` are those of Strawberry's (0:
none), `FANOUT_EVENTS` is how often something happens.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Final, TypeVar

import httpx
import orjson
import pytest
from beanie import PydanticObjectId

from api.cli.serve import environment
from api.settings import Settings
from models.clock import now
from models.embedded import EmbeddedStores
from models.role import RoleAssignment
from models.user import User, email_key
from permissions.authn.principal import Client, Principal, new_id
from permissions.authn.refresh import digest
from tests.benchmarks.crowd import HOST, Job
from tests.benchmarks.report import Table, publish
from tests.benchmarks.servers import Server, serving, unlimited
from tests.resolvers.chat.documents import APPEND, start
from tests.served import Caller, Served

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="CPU time is read from Linux's /proc"),
]

Thing = TypeVar("Thing")
Done = TypeVar("Done")

SOCKETS: Final = int(os.environ.get("FANOUT_SOCKETS", "1000"))
PLAIN: Final = int(os.environ.get("FANOUT_PLAIN", min(SOCKETS, 500)))
EVENTS: Final = int(os.environ.get("FANOUT_EVENTS", "10"))
A_USER: Final = 100
PLANTED: Final = 500
"""Documents stored at a time."""
PAGE: Final = os.sysconf("SC_PAGE_SIZE")
JOINING_SECONDS: Final = 120.0
A_CONVERSATION_SECONDS: Final = 0.05
"""More of it for each conversation to which something is said."""
AT_ONCE: Final = 20
"""Conversations to which something is done at a time."""
IDLE_SECONDS: Final = 20
"""So often each socket is pinged."""

FOLLOW: Final = """
subscription Follow($id: ID!) {
  conversationEvents(conversationId: $id) {
    __typename
    cursor
    ... on MessageAdded {
      message { id role content createdAt depth status author { id displayName } metadata { llmModel tokensUsed } }
    }
    ... on MessageDelta { messageId offset text }
    ... on ResyncRequired { reason }
  }
}
"""
TEXT: Final = "Größe ist nicht alles: a message of three hundred characters, as people write them to a machine. " * 3


@dataclass(frozen=True)
class Figures:
    """Of one server. Times of the last delivery after the request that appends was sent, in seconds."""

    sockets: int
    last: Sequence[float]
    cpu: float
    """Seconds a delivery, the appending included."""
    telling: float
    """Seconds a delivery, without what appending costs where few follow."""
    memory: float
    """Bytes a socket."""
    idle: float
    """CPU seconds a second while nothing happens, pings included."""

    def row(self, name: str) -> list[str]:
        """For the table."""
        return [
            name,
            f"{self.sockets:,}",
            f"{1000 * median(self.last):.0f} ms",
            f"{1000 * max(self.last):.0f} ms",
            f"{1e6 * self.cpu:.0f} µs",
            f"{1e6 * self.telling:.0f} µs",
            f"{self.memory / 1024:.0f} KiB",
            f"{1000 * self.idle:.0f} ms",
        ]


async def test_many_subscribers_of_one_conversation(served: Served, stores: EmbeddedStores, tmp_path: Path) -> None:
    alice = await served.as_("alice")
    tokens = await _tokens(served, max(1, SOCKETS // A_USER))
    conversation = await start(alice, attributes={"region": "EMEA", "clearance_required": 2})
    rows = []
    for name, module, sockets in CONTENDERS:
        if not sockets:
            continue
        with serving(module, environment(_settings(served, stores)), tmp_path / f"{module}.log") as server:
            figures = await _measured(server, alice, tokens, [conversation], sockets)
            rows.append(figures.row(name))
    head = ["", "sockets", "last delivery, median", "worst", "CPU a delivery", "without appending", "memory a socket"]
    head.append("CPU a second, idle")
    note = (
        f"{EVENTS} messages appended one after the other over HTTP, to one worker; {A_USER} sockets a user, all of "
        "whom read by one role; times from sending the request that appends. While idle, each is pinged every "
        f"{IDLE_SECONDS} seconds, and answers."
    )
    publish("fanout", [Table("Many subscribers of one conversation", head, rows)], [note])


CONTENDERS: Final = (
    ("Parley", "api.worker", SOCKETS),
    ("Strawberry's handler", "tests.benchmarks.plain_sockets", PLAIN),
)


async def _measured(
    server: Server, alice: Caller, tokens: Sequence[str], conversations: Sequence[str], sockets: int
) -> Figures:
    async with httpx.AsyncClient(base_url=f"http://{HOST}:{server.port}", timeout=60) as http:
        asker = Caller(http, alice.user, alice.token)
        await asker.ask("{ me { id } }")
        async with _crowd(Job(server.port, 10, tokens[:1], conversations, FOLLOW)) as few:  # what is made once
            await _joined(few, asker, conversations, 10)
        began = server.cpu_seconds()
        for number in range(EVENTS):
            await _append(asker, conversations[number % len(conversations)])
        appending = server.cpu_seconds() - began
        before = _resident(server)
        async with _crowd(Job(server.port, sockets, tokens, conversations, FOLLOW)) as crowd:
            await _joined(crowd, asker, conversations, sockets)
            memory = (_resident(server) - before) / sockets
            last, began = [], server.cpu_seconds()
            for number in range(EVENTS):
                conversation = conversations[number % len(conversations)]
                await crowd.ask(f"expect {sockets // len(conversations)}")
                sent = time.perf_counter()
                await _append(asker, conversation)
                last.append(float(await crowd.answer()) - sent)
            deliveries = EVENTS * sockets // len(conversations)
            spent = server.cpu_seconds() - began
            telling, idle = (spent - appending) / deliveries, await _idle(server)
            return Figures(sockets, last, spent / deliveries, telling, memory, idle)


async def _idle(server: Server) -> float:
    """CPU seconds a second while each socket is pinged once, and nothing else happens."""
    began = server.cpu_seconds()
    await asyncio.sleep(IDLE_SECONDS)
    return (server.cpu_seconds() - began) / IDLE_SECONDS


async def _each(things: Iterable[Thing], do: Callable[[Thing], Awaitable[Done]]) -> list[Done]:
    """Do something to each, some at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(thing: Thing) -> Done:
        async with gate:
            return await do(thing)

    return await asyncio.gather(*map(one, things))


async def _append(asker: Caller, conversation: str) -> None:
    answer = await asker.ask(APPEND, input={"conversationId": conversation, "content": TEXT})
    assert "errors" not in answer.body, answer.body


def _resident(server: Server) -> int:
    return int(Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * PAGE


class Crowd:
    """The process of `tests.benchmarks.crowd`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, command: str) -> str:
        """Its answer to a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        return await self.answer()

    async def answer(self) -> str:
        """A further one."""
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), 300)
        assert line, "the crowd is gone"
        return line.decode().strip()


@asynccontextmanager
async def _crowd(job: Job) -> AsyncIterator[Crowd]:
    """All of them there, though perhaps not subscribed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.crowd", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    crowd = Crowd(process)
    try:
        assert await crowd.ask(orjson.dumps(job).decode()) == str(job.sockets)
        yield crowd
    finally:
        process.kill()
        await process.wait()


async def _joined(crowd: Crowd, asker: Caller, conversations: Sequence[str], number: int) -> None:
    """Return when each has been told something. That a subscription has begun, nobody tells its client."""
    until = time.perf_counter() + JOINING_SECONDS + A_CONVERSATION_SECONDS * len(conversations)
    while True:
        await _each(conversations, lambda conversation: _append(asker, conversation))
        await crowd.ask("quiet")
        if int(await crowd.ask("joined")) == number:
            return
        assert time.perf_counter() < until, "they didn't join"


async def _tokens(served: Served, number: int) -> list[str]:
    """Of as many users, who may all read the conversation by the same role."""
    accounts, at = served.services.authentication.accounts, now()
    users = [_fan(each, at) for each in range(number)]
    roles = [RoleAssignment(user_id=user.id, role="senior_analyst", granted_at=at) for user in users]
    for first in range(0, number, PLANTED):
        await User.insert_many(users[first : first + PLANTED])
        await RoleAssignment.insert_many(roles[first : first + PLANTED])

    async def token(user: User) -> str:
        principal = Principal(user.id, new_id())
        refresh = digest(accounts.refresh_tokens.issue(principal))
        return accounts.tokens.issue(await accounts.sessions.open(principal, refresh, "fan", Client()))

    return await _each(users, token)


def _fan(number: int, at: datetime) -> User:
    email, name = f"fan{number}@demo.example", f"Fan {number}"
    attributes = {"region": "EMEA", "clearance": 3, "department": f"d{number}"}
    return User(
        id=PydanticObjectId(),
        email=email,
        email_key=email_key(email),
        display_name=name,
        name_key=name,
        password_hash="",
        attributes=attributes,
        created_at=at,
    )


def _settings(served: Served, stores: EmbeddedStores) -> Settings:
    return unlimited(
        served,
        stores,
        search_seconds=0,
        usage_seconds=0,
        interrupt_seconds=0,
        revocation_stale_seconds=60,  # ten thousand who sign in at once, beside their server, starve everything else
    )
