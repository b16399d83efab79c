"""The server that sentinels call the master."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import SSLConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import (
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
)
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from models.redis.address import Node, RedisAddress
from models.redis.connecting import DRIVER, Manner
from models.redis.connections import Writing

ANSWER_SECONDS: Final = 1.0
"""They are asked one after the other: one that is frozen must not cost a command all of its time."""


class MasterConnection(Writing, SentinelManagedConnection):
    """To a server that says itself that it is the master: a sentinel may not have heard of the newest one yet."""

    async def connect_to(self, address: Any) -> None:
        """See redis-py."""
        await super().connect_to(address)  # type: ignore[no-untyped-call]
        await self.send_command("ROLE")
        role = await self.read_response()
        if role[0] not in (b"master", "master"):
            await self.disconnect()
            raise RedisConnectionError("the server that the sentinels name is no master yet")


class MasterSSLConnection(MasterConnection, SSLConnection):
    """The same with TLS."""


class Sentinels(Sentinel):
    """Asked for one at a time: redis-py puts the one that answered to the front, and of two at once it drops one."""

    def __init__(self, nodes: Sequence[Node], options: dict[str, Any]) -> None:
        super().__init__(nodes, sentinel_kwargs=options)  # type: ignore[no-untyped-call]
        self._asking: Final = asyncio.Lock()

    async def discover_master(self, service_name: str) -> Any:
        """See redis-py."""
        async with self._asking:
            return await super().discover_master(service_name)


class MasterPool(SentinelConnectionPool, BlockingConnectionPool):
    """Who finds no connection free waits. Closes what it asks the sentinels with, too."""

    async def aclose(self) -> None:
        """See redis-py."""
        await super().aclose()
        await self.sentinel_manager.aclose()


def master_client(address: RedisAddress, manner: Manner) -> Redis:
    """A client of the master, whichever server that is at the moment."""
    own = {
        "driver_info": DRIVER,
        "socket_timeout": ANSWER_SECONDS,
        "socket_connect_timeout": ANSWER_SECONDS,
        "retry": Retry(NoBackoff(), 0),  # the next one is asked instead
        **address.sentinel_options,
    }
    sentinels = Sentinels(address.nodes, own)
    options = {**manner.options(), **address.options}
    tls = options.pop("connection_class", None) is SSLConnection
    kind = MasterSSLConnection if tls else MasterConnection
    return Redis.from_pool(MasterPool(address.service, sentinels, connection_class=kind, **options))  # type: ignore[no-untyped-call]
