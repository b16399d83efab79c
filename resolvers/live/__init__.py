"""News of what was written, from the worker that wrote it to the subscribers of every worker."""

from resolvers.live.broker import Broker, BrokerUnavailableError, Event, Resync
from resolvers.live.memory import MemoryBroker
from resolvers.live.redis import RedisBroker
from resolvers.live.texts import Delta, Texts

__all__ = ["Broker", "BrokerUnavailableError", "Delta", "Event", "MemoryBroker", "RedisBroker", "Resync", "Texts"]
