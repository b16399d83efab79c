"""Ears that note what they hear."""

import asyncio


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
