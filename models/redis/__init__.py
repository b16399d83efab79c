"""Redis by its address, whatever it is: one server, one behind sentinels, or a cluster."""

from models.redis.address import Node, RedisAddress, Topology
from models.redis.cluster import ClusterClient
from models.redis.errors import RedisAddressError
from models.redis.opening import listening, open_redis, servers, topology_of
from models.redis.slots import SlotMap

__all__ = [
    "ClusterClient",
    "Node",
    "RedisAddress",
    "RedisAddressError",
    "SlotMap",
    "Topology",
    "listening",
    "open_redis",
    "servers",
    "topology_of",
]
