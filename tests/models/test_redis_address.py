"""Addresses of Redis: what is understood, and that nothing wrong shows a password."""

import pytest
from redis.asyncio.connection import SSLConnection

from models.redis import ClusterClient, Node, RedisAddress, RedisAddressError, Topology, open_redis, topology_of

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("url", "topology", "nodes", "service", "options"),
    [
        ("redis://localhost", Topology.SINGLE, (), "", {"host": "localhost"}),
        ("redis://u:p%40@[::1]:7/2", Topology.SINGLE, (), "", {"host": "::1", "password": "p@", "db": 2}),
        ("unix:///run/redis?db=1", Topology.SINGLE, (), "", {"path": "/run/redis", "db": 1}),
        (
            "redis+sentinel://u:p@one,two:7,[::1]:8/main/3?socket_timeout=2",
            Topology.SENTINEL,
            (Node("one", 26379), Node("two", 7), Node("::1", 8)),
            "main",
            {"username": "u", "password": "p", "db": 3, "socket_timeout": 2.0},
        ),
        (
            "rediss+cluster://:p@one:7,two",
            Topology.CLUSTER,
            (Node("one", 7), Node("two", 6379)),
            "",
            {"password": "p", "connection_class": SSLConnection},
        ),
    ],
)
async def test_an_address_is_taken_apart(
    url: str, topology: Topology, nodes: tuple[Node, ...], service: str, options: dict[str, object]
) -> None:
    found = RedisAddress.parse(url)
    assert (found.topology, found.nodes, found.service) == (topology, nodes, service)
    assert {name: found.options.get(name) for name in options} == options
    assert "password" not in repr(found)
    async with open_redis(url) as client:
        assert topology_of(client) is topology
        assert isinstance(client, ClusterClient) == (topology is Topology.CLUSTER)


def test_sentinels_have_a_password_of_their_own_and_the_same_tls() -> None:
    found = RedisAddress.parse(
        "rediss+sentinel://u:p@one/main?sentinel_username=s&sentinel_password=q&ssl_cert_reqs=none&socket_timeout=2"
    )
    assert found.sentinel_options == {
        "ssl": True,
        "ssl_cert_reqs": "none",
        "socket_timeout": 2.0,
        "username": "s",
        "password": "q",
    }
    assert "sentinel_password" not in found.options


@pytest.mark.parametrize(
    "url",
    [
        SECRET,
        f"http://{SECRET}",
        f"unix+cluster://{SECRET}",
        f"redis+other://{SECRET}@h",
        f"redis://:{SECRET}/x@h:1",
        f"redis://:x#{SECRET}@h:1",
        f"redis://:x?{SECRET}@h:1",
        f"redis://:x@h:{SECRET}",
        f"redis://h/{SECRET}",
        f"redis://h/0?{SECRET}=1",
        f"redis://h/0?socket_timeout={SECRET}",
        f"redis://one,two/{SECRET}",
        f"unix://{SECRET}",
        f"redis+sentinel://:{SECRET}@one:1",
        f"redis+sentinel://:{SECRET}@one:1/",
        f"redis+sentinel://one:1/main/{SECRET}",
        f"redis+sentinel://:{SECRET}@one:0/main",
        f"redis+sentinel://:{SECRET}@one,,two/main",
        f"redis+cluster://:{SECRET}@one/3",
        f"redis+cluster://:{SECRET}@one?db=3",
        f"redis+cluster://one?sentinel_password={SECRET}",
        f"redis+cluster://:{SECRET}@one:99999",
        f"redis+cluster://:{SECRET}@",
        f"redis+cluster://:{SECRET}@one\n",
        f"redis+cluster://[{SECRET}]:1",
    ],
)
def test_what_is_wrong_is_said_in_one_line_without_the_password(url: str) -> None:
    with pytest.raises(RedisAddressError) as raised:
        RedisAddress.parse(url)
    assert SECRET not in str(raised.value)
    assert "\n" not in str(raised.value)
