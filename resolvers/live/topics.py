"""The channels that somebody subscribes to, however many do: one ear each."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from models.pubsub import Listener
from resolvers.live.feed import Feed
from resolvers.live.gate import Gate
from resolvers.live.streams import announced


@dataclass(eq=False, slots=True)
class Topic:
    """A channel's feeds. `heard`: Redis listens for us on the present connection."""

    name: bytes
    members: int = 0
    feeds: set[Feed] = field(default_factory=set)
    heard: asyncio.Event = field(default_factory=Gate)

    def hear(self, message: bytes) -> None:
        """See `Ear`."""
        if item := announced(message):
            for feed in self.feeds:
                feed.offer(item)

    def connected(self) -> None:
        """See `Ear`."""
        self.heard.set()
        for feed in self.feeds:
            feed.rewind()

    def cut_off(self) -> None:
        """See `Ear`."""
        self.heard.clear()


class Topics:
    """Hands what the listener hears to the feeds of its topic; after a lost connection lets them rewind."""

    def __init__(self, listener: Listener) -> None:
        self._listener: Final = listener
        self._topics: Final = dict[bytes, Topic]()

    def join(self, name: bytes) -> Topic:
        """Count one more member of a topic; its events arrive once `heard` is set."""
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = Topic(name)
            self._listener.listen(name, topic)
        topic.members += 1
        return topic

    def leave(self, topic: Topic) -> None:
        """Count one member less; the last one out ends the subscription."""
        topic.members -= 1
        if not topic.members:
            del self._topics[topic.name]
            self._listener.leave(topic.name)

    def close(self) -> None:
        """End every feed."""
        for topic in self._topics.values():
            for feed in topic.feeds:
                feed.close()
