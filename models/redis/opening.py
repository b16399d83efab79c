"""The one place that opens Redis, for everybody."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection, Connection

from models.redis.address import RedisAddress, Topology
from models.redis.cluster import ClusterClient
from models.redis.connecting import RETRIES, TIMEOUT_SECONDS, Manner
from models.redis.connections import KINDS
from models.redis.sentinel import MasterPool, master_client


def open_redis(
    url: str,
    *,
    connections: int = 100,
    retries: int = RETRIES,
    seconds: float = TIMEOUT_SECONDS,
    protocol: int | None = None,
) -> Redis:
    """`async with open_redis(url) as redis`. Connects with the first command. See `Manner`; the address' options win.

    Raise `RedisAddressError` where it is no address.
    """
    address, manner = RedisAddress.parse(url), Manner(connections, retries, seconds, protocol)
    match address.topology:
        case Topology.SENTINEL:
            return master_client(address, manner)
        case Topology.CLUSTER:
            # The client of the whole tries again, for it may have to ask another server then.
            options = {**manner.options(retries=0), **address.options}
            return ClusterClient(address.nodes, manner, lambda node: _client({**options, **node._asdict()}))
        case _:
            return _client({**manner.options(), **address.options})


def topology_of(redis: Redis) -> Topology:
    """What it is a client of."""
    if isinstance(redis, ClusterClient):
        return Topology.CLUSTER
    return Topology.SENTINEL if isinstance(redis.connection_pool, MasterPool) else Topology.SINGLE


async def servers(redis: Redis) -> Sequence[Redis]:
    """Clients of the servers that have all keys together. Raises `RedisError`."""
    return await redis.masters() if isinstance(redis, ClusterClient) else [redis]


@asynccontextmanager
async def listening(redis: Redis) -> AsyncIterator[AbstractConnection]:
    """A connection to one server for the block alone, closed afterwards."""
    pool = redis.connection_pool
    connection: AbstractConnection = await pool.get_connection()  # type: ignore[no-untyped-call]
    try:
        yield connection
    finally:
        await connection.disconnect(nowait=True)
        await pool.release(connection)


def _client(options: dict[str, object]) -> Redis:
    kind = KINDS[options.get("connection_class", Connection)]
    return Redis.from_pool(BlockingConnectionPool(**{**options, "connection_class": kind}))
