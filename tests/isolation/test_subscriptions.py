"""Whoever listens to whatever, while both tenants are at work: he hears all that he may, and nothing else."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import pytest
from graphql import GraphQLSchema

from tests.api.test_socket_expiry import listening, opened
from tests.examples import FIXED
from tests.isolation.asking import asker
from tests.isolation.following import NOWHERE, Follower, streams
from tests.isolation.happening import AGAIN, Happenings, opens
from tests.isolation.tenants import World
from tests.isolation.test_walk import WHO

LISTENERS: Final = ("root", "bob", "john", "carl") if FIXED else WHO
"""In CI those who differ most: who is told all, an owner of the other tenant, who is told later, and a clerk."""


@pytest.fixture
def changing(world: World) -> Iterator[World]:
    """The world, of which other tests know nothing of what happens in it here."""
    kept = [dict(each) for each in _parts(world)]
    ids = {kind: list(some) for kind, some in world.ids.items()}
    known, files = {chat: dict(some) for chat, some in world.known.items()}, list(world.files)
    yield world
    for part, before in zip(_parts(world), kept, strict=True):
        part.clear()
        part.update(before)
    world.ids, world.known, world.files = ids, known, files


def readable(each: Follower, chat: str) -> bool:
    """Whether he is told that it is there."""
    return each.one.world.reads(chat)(each.one.judge)


def _parts(world: World) -> list[dict]:  # type: ignore[type-arg]
    return [world.canaries.rules, world.canaries.places, world.chats, world.places, world.branches]


@asynccontextmanager
async def followed(address: str, followers: list[Follower]) -> AsyncIterator[None]:
    """Each has a socket of his own within the block."""
    async with AsyncExitStack() as stack:
        tasks = []
        for each in followers:
            socket = await stack.enter_async_context(opened(address, each.one.caller.token or ""))
            tasks.append(asyncio.create_task(each.follow(socket)))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(end) for end in ends} == {asyncio.CancelledError}


async def test_each_hears_what_he_may_and_nothing_else(changing: World, graph: GraphQLSchema) -> None:
    world, changed, happenings = changing, asyncio.Event(), Happenings(changing)
    followers = [
        Follower(await asker(world, graph, who), list(streams(world, graph, who)), changed) for who in LISTENERS
    ]
    async with listening(world.served) as address, followed(address, followers):
        await happenings.settle(followers, changed, AGAIN)
        for each in followers:
            assert [s.over for s in each.streams] == [not opens(world, each.one.judge, s) for s in each.streams]
            hidden = [s for s in each.streams if s.chat and (s.chat == NOWHERE or not readable(each, s.chat))]
            assert len({json.dumps(s.error) for s in hidden}) == 1, hidden
        for happen in (happenings.first, happenings.second):
            await happen()
            for each in followers:
                each.one.judge = await world.judge(each.one.name)
            await happenings.settle(followers, changed)
            assert [fault for each in followers for fault in each.judge()] == []
            assert [leak for each in followers for leak in each.one.leaks] == []
            wrong = [wrong for each in followers for wrong in happenings.wrong(each)]
            assert wrong == [], "\n".join(wrong)
            happenings.words.clear()
