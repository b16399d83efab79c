"""Ears that note what they hear."""

import asyncio
import time

from redis.asyncio import Redis

PUBLISH = "for _ = 1, tonumber(ARGV[1]) do redis.call('PUBLISH', KEYS[1], ARGV[2]) end"


class Ear:
    """Of one channel."""

    def __init__(self) -> None:
        self.heard = list[bytes]()
        self.connections = 0
        self.listening = asyncio.Event()
        self.come = asyncio.Event()

    def hear(self, message: bytes) -> None:
        self.heard.append(message)
        self.come.set()

    def connected(self) -> None:
        self.connections += 1
        self.listening.set()

    def cut_off(self) -> None:
        self.listening.clear()


class Slow(Ear):
    """Takes its time, in which nobody has his turn."""

    def hear(self, message: bytes) -> None:
        time.sleep(0.01)
        super().hear(message)


async def say(redis: Redis, channel: bytes, message: bytes, times: int = 1) -> None:
    await redis.register_script(PUBLISH)(keys=[channel], args=[times, message])
