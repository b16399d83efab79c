"""What listens: whoever has a channel hears it, through failures, and nobody keeps the others from their turn."""

import asyncio

import pytest
from redis.asyncio import Redis

from models.pubsub import Listener
from tests.models.pubsub.ears import Ear, Slow, say
from tests.permissions.authn.revocation.workers import eventually


async def test_each_hears_its_own_channel_and_a_channel_has_one_ear(redis: Redis, listener: Listener) -> None:
    one, other = Ear(), Ear()
    listener.listen(b"{one}", one)
    listener.listen(b"{other}", other)
    with pytest.raises(ValueError, match="has an ear"):
        listener.listen(b"{one}", other)
    await eventually(lambda: one.connections == other.connections == 1)
    await say(redis, b"{one}", b"1")
    await say(redis, b"{other}", b"2")
    await eventually(lambda: (one.heard, other.heard) == ([b"1"], [b"2"]))
    listener.leave(b"{one}")
    await say(redis, b"{one}", b"3")
    listener.listen(b"{one}", late := Ear())
    await eventually(late.listening.is_set)
    await say(redis, b"{one}", b"4")
    assert one.heard == [b"1"]
    await eventually(lambda: late.heard[-1:] == [b"4"])


async def test_who_loses_the_connection_is_told_so_and_that_it_is_back(redis: Redis, listener: Listener) -> None:
    ears = [Ear() for _ in range(3)]
    for number, ear in enumerate(ears):
        listener.listen(b"{same}:%d" % number, ear)
    await eventually(lambda: all(ear.listening.is_set() for ear in ears))
    for _ in range(3):
        for ear in ears:
            ear.connections = 0
        await redis.client_kill_filter(_type="pubsub")
        await eventually(lambda: [ear.connections for ear in ears] == [1] * 3)
    await say(redis, b"{same}:2", b"still there")
    await eventually(lambda: ears[2].heard == [b"still there"])


async def test_however_much_has_come_others_have_their_turn(redis: Redis, listener: Listener) -> None:
    """A hundred lie in the buffer, and are read without waiting for anything."""
    listener.listen(b"{slow}", slow := Slow())
    await slow.listening.wait()
    await say(redis, b"{slow}", b"x", 100)
    await slow.come.wait()
    passes = 0
    while len(slow.heard) < 100:
        before = len(slow.heard)
        await asyncio.sleep(0)
        assert len(slow.heard) - before <= 1
        passes += 1
    assert passes >= 50
