"""Pieces of growing texts beside other events: they take no event's place, and who comes back misses no word."""

import asyncio

from beanie import PydanticObjectId
from redis.asyncio import Redis

from models.embedded import EmbeddedStores
from models.tree import Address
from resolvers.live import Delta, Event, RedisBroker, Resync, Texts, Thinned
from tests.resolvers.test_live import take

CONVERSATION, AUTHOR, PLACE = PydanticObjectId(), PydanticObjectId(), Address("main", 1)
KEPT = 20


def channel(conversation_id: PydanticObjectId) -> str:
    return f"conversation:{conversation_id}"


async def write(texts: Texts, words: range) -> None:
    for number in words:
        grown = await texts.append(CONVERSATION, PLACE, AUTHOR, 4 * number, f"{number:03} ", 10**6)
        assert grown.word == "taken"


async def test_a_long_answer_pushes_no_event_out_and_takes_no_more_than_its_own_place(
    stores: EmbeddedStores, redis: Redis
) -> None:
    name = channel(CONVERSATION)
    async with (
        Texts(stores.redis_url, channel, history=KEPT) as texts,
        RedisBroker(stores.redis_url, history=100) as broker,
    ):
        await texts.open(CONVERSATION, PLACE, AUTHOR)
        cursors = [await broker.publish(name, b"{%d}" % number) for number in range(90)]
        await write(texts, range(150))
        last = await broker.publish(name, b"{last}")
        assert await redis.xlen(b"parley:live:{%b}" % name.encode()) == 91 + KEPT
        async with broker.subscribe(name, cursors[0]) as news, asyncio.timeout(10):
            thinned, *events = await take(news, 1 + 89 + KEPT + 1)
            assert isinstance(thinned, Thinned)
            assert [each.cursor for each in events[:89]] == cursors[1:]
            pieces = [Delta.parse(each.payload) for each in events[89:-1] if isinstance(each, Event)]
            assert [piece and piece.text for piece in pieces] == [f"{number:03} " for number in range(130, 150)]
            assert events[-1] == Event(last, b"{last}")
        async with broker.subscribe(name, events[-3].cursor) as news, asyncio.timeout(10):
            assert await take(news, 2) == events[-2:], "in the middle of an answer, one goes on exactly there"
        for number in range(400):
            await broker.publish(name, b"{%d}" % number)
        assert await redis.xlen(b"parley:live:{%b}" % name.encode()) < 100 + KEPT + 110  # Redis cuts by nodes of 100
        async with broker.subscribe(name, cursors[0]) as news, asyncio.timeout(10):
            assert isinstance((await take(news, 1))[0], Resync)
