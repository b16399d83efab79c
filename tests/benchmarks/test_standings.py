"""What a change of the rules costs while thousands follow one conversation: who keeps the right, and who loses it.

`make bench ARGS="-k standings"`; `STANDINGS=10000` is the whole of it.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import pytest

from api.documents.limits import DEFAULT_LIMITS
from api.fanout import Questions, Renderer, Rooms
from models.embedded import EmbeddedStores
from models.policy import Policy
from models.role import GrantEffect, RoleAssignment
from models.user import User
from permissions.changes import SYSTEM
from resolvers.chat.standing import Standing
from resolvers.ids import object_id
from tests.benchmarks.report import Table, publish
from tests.permissions.people import given
from tests.resolvers.chat.test_standing import SCHEMA, Reader, Worker, reader_of, working
from tests.served import Served

pytestmark = pytest.mark.benchmark

FOLLOWERS: Final = int(os.environ.get("STANDINGS", "2000"))
PATIENCE_SECONDS: Final = 120.0
FOLLOW: Final = """subscription ($id: ID!) { conversationEvents(conversationId: $id) {
  __typename cursor ... on MessageAdded { message { id content } } ... on AccessRevoked { reason decisionId } } }"""


@dataclass(frozen=True)
class Change:
    """Seconds since the change was made until the first, half and the last were told; CPU of all, in this process."""

    name: str
    told: list[float]
    cpu: float

    def row(self) -> list[str]:
        """For the table."""
        told = sorted(self.told)
        times = [told[0], told[len(told) // 2], told[-1]] if told else []
        shown = [f"{each:.2f} s" for each in times] or ["-"] * 3
        return [self.name, *shown, f"{self.cpu:.2f} s", f"{self.cpu / FOLLOWERS * 1e6:.0f} µs"]


async def test_what_a_change_costs_thousands_of_followers(served: Served, stores: EmbeddedStores) -> None:
    alice = await served.as_("alice")
    rows = []
    async with working(served, stores) as worker:
        for name, way in (("in memory", _held), ("with what they are told", _in_a_room)):
            reader = await reader_of(served, alice, name.replace(" ", "-"))
            crowd = await _crowd(reader)
            async with way(worker, reader, crowd) as told:
                rows.append((await _kept(worker, reader, f"kept, {name}")).row())
                rows.append((await _lost(reader, f"lost, {name}", told)).row())
    table = Table(
        f"A rule changes while {FOLLOWERS:,} accounts follow a conversation",
        ["", "first told", "half", "last", "CPU", "CPU each"],
        rows,
    )
    publish("standings", [table])


async def _crowd(reader: Reader) -> list[User]:
    base = reader.user.model_dump(exclude={"id", "email", "email_key"})
    addresses = [f"{reader.name}.{n}@example.org" for n in range(FOLLOWERS)]
    crowd = [User(**base, email=each, email_key=each) for each in addresses]
    await User.insert_many(crowd)
    await RoleAssignment.insert_many([given(each, reader.name) for each in crowd])
    return crowd


@asynccontextmanager
async def _held(worker: Worker, reader: Reader, crowd: list[User]) -> AsyncIterator[list[float]]:
    """Nobody is told anything: what judging costs."""
    told: list[float] = []
    with ExitStack() as held:
        await worker.standings.store.remember(each.id for each in crowd)
        for each in crowd:
            context = worker.context(each)
            standing = Standing(context, object_id(reader.conversation, "Conversation"))
            held.enter_context(standing.held(lambda: told.append(time.monotonic())))
            context.access = await context.judged()
            await standing.judged()
        yield told


class _Outlet:
    """Takes what comes."""

    def __init__(self, told: list[float]) -> None:
        self.told = told

    def write(self, _: bytes) -> bool:
        self.told.append(time.monotonic())
        return True

    def end(self, body: bytes) -> bool:
        return self.write(body)

    def withhold(self) -> None:
        pass

    async def ready(self) -> None:
        pass

    async def complete(self) -> None:
        pass


@asynccontextmanager
async def _in_a_room(worker: Worker, reader: Reader, crowd: list[User]) -> AsyncIterator[list[float]]:
    told: list[float] = []
    rooms = Rooms(Renderer(SCHEMA))
    asked = Questions(SCHEMA, SCHEMA.documents, DEFAULT_LIMITS).asked(FOLLOW, None, {"id": reader.conversation})
    assert asked is not None
    await worker.standings.store.remember(each.id for each in crowd)
    members = []
    for each in crowd:
        context = worker.context(each)
        context.access = await context.judged()
        members.append(await rooms.enter(asked, context, _Outlet(told)))
    try:
        yield told
    finally:
        for member in members:
            member.leave()


async def _kept(worker: Worker, reader: Reader, name: str) -> Change:
    """A rule about somebody else."""
    standings = worker.standings
    about_others = Policy(
        id=name.replace(" ", "-").replace(",", ""),
        effect=GrantEffect.DENY,
        actions=["message:read"],
        when='"none" in user.teams',
    )
    before = standings.store.revision
    begun, cpu = time.monotonic(), time.process_time()
    await reader.changes.put_policy(about_others, SYSTEM)
    await _until(lambda: standings.store.revision > before and not standings._suspects)
    return Change(name, [time.monotonic() - begun], time.process_time() - cpu)


async def _lost(reader: Reader, name: str, told: list[float]) -> Change:
    told.clear()
    begun, cpu = time.monotonic(), time.process_time()
    await reader.deny()
    await _until(lambda: len(told) == FOLLOWERS)
    return Change(name, [each - begun for each in told], time.process_time() - cpu)


async def _until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not so():  # noqa: ASYNC110 (what is measured tells nobody that it is over)
            await asyncio.sleep(0.005)
