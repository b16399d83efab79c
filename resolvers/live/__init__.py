"""News of what was written, from the worker that wrote it to the subscribers of every worker."""

from resolvers.live.broker import Broker, BrokerUnavailableError, Event, News, Resync, Thinned
from resolvers.live.memory import MemoryBroker
from resolvers.live.redis import RedisBroker
from resolvers.live.standings import Standings
from resolvers.live.texts import Delta, Texts

__all__ = [
    "Broker",
    "BrokerUnavailableError",
    "Delta",
    "Event",
    "MemoryBroker",
    "News",
    "RedisBroker",
    "Resync",
    "Standings",
    "Texts",
    "Thinned",
]
