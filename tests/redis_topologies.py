"""Redis Clusters and Sentinels of a test's own: real servers, to be killed, and slots to be moved.

`PARLEY_TEST_REDIS=cluster` or `sentinel` has all tests that share a Redis share such a one, see `make test-redis`.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.crc import key_slot
from redis.exceptions import RedisError

from models.embedded import EmbeddedStores
from models.embedded.servers import valkey_binary
from models.embedded.stores import free_ports, listening
from models.redis import ClusterClient, open_redis
from tests.processes import until

SLOTS: Final = 16_384
QUIET_MS: Final = 500
"""After so long without a word a server counts as dead, once one was killed; """
PATIENT_MS: Final = 30_000
"""before that, nobody is taken for dead on a busy machine."""
SERVICE: Final = "parley"


def binary() -> str:
    """The embedded server; `REDIS_SERVER=/usr/bin/redis-server` tries another one."""
    return os.environ.get("REDIS_SERVER") or str(valkey_binary())


class Servers:
    """`with …`: they run, and are gone afterwards."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="parley-redis-"))
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def run(self, port: int, *options: str) -> None:
        """A server with data of its own."""
        directory = self._directory / str(port)
        directory.mkdir(exist_ok=True)
        argv = [binary(), *options, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory), "--save", ""]
        with (directory / "log").open("ab") as log:
            self._processes[port] = subprocess.Popen(argv, stdout=log, stderr=log)
        until(lambda: listening(port))

    def kill(self, port: int) -> None:
        """As a crash would."""
        process = self._processes.pop(port)
        process.kill()
        process.wait()

    @contextmanager
    def frozen(self, port: int) -> Iterator[None]:
        """Within the block it takes connections, and answers nothing."""
        os.kill(self._processes[port].pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._processes[port].pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for port in list(self._processes):
            self.kill(port)
        shutil.rmtree(self._directory, ignore_errors=True)

    def start(self) -> None:
        """Let them know each other."""
        raise NotImplementedError


def ask(port: int, *command: object) -> Any:
    """One server's answer."""
    with Redis(port=port, socket_timeout=5) as client:
        return client.execute_command(*command)


def _field(port: int, section: tuple[str, ...], name: str) -> str:
    try:
        answer: Any = ask(port, *section)
    except RedisError:
        return ""
    fields = (
        answer
        if isinstance(answer, dict)
        else dict(line.split(":", 1) for line in answer.decode().splitlines() if ":" in line)
    )
    return str(fields.get(name, ""))


class OwnCluster(Servers):
    """Three masters, and as many replicas: the first one is of the master that has the slot of `key`."""

    def __init__(self, replicas: int = 0, key: str = "") -> None:
        super().__init__()
        self._first: Final = key_slot(key.encode()) * 3 // SLOTS if key else 0
        ports = free_ports(2 * (3 + replicas))
        self.ports: Final = ports[: 3 + replicas]
        self._bus: Final = dict(zip(self.ports, ports[3 + replicas :], strict=True))

    @property
    def url(self) -> str:
        """Of the cluster, by two of its servers."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in self.ports[1:3])

    @property
    def replicated(self) -> int:
        """The master whose replica is the first one."""
        return self.ports[self._first]

    def fail_over(self) -> None:
        """Kill it, and wait for its replica to take its place."""
        assert ask(self.replicated, "WAIT", 1, 5000) == 1
        self.kill_master(self.replicated)
        self.until_master(self.ports[3])

    def kill_master(self, port: int) -> None:
        """As a crash would; the others notice soon."""
        self.kill(port)
        for each in self._processes:
            ask(each, "CONFIG", "SET", "cluster-node-timeout", QUIET_MS)

    def start(self) -> None:
        for port in self.ports:
            self.rejoin(port)
        masters = self.ports[:3]
        for number, port in enumerate(masters):
            first, last = number * SLOTS // 3, (number + 1) * SLOTS // 3 - 1
            ask(port, "CLUSTER", "ADDSLOTSRANGE", first, last)
            ask(port, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for port in self.ports[1:]:
            ask(port, "CLUSTER", "MEET", "127.0.0.1", self.ports[0], self._bus[self.ports[0]])
        until(lambda: all(self._knows(port) == len(self.ports) for port in self.ports))
        for number, port in enumerate(self.ports[3:]):
            ask(port, "CLUSTER", "REPLICATE", ask(masters[(self._first + number) % 3], "CLUSTER", "MYID"))
            until(lambda port=port: _field(port, ("INFO", "replication"), "master_link_status") == "up")  # type: ignore[misc]
        until(lambda: all(_field(port, ("CLUSTER", "INFO"), "cluster_state") == "ok" for port in self.ports))

    def rejoin(self, port: int) -> None:
        """Start a server, with the data that it has."""
        self.run(
            port,
            *("--cluster-enabled", "yes", "--cluster-port", str(self._bus[port]), "--appendonly", "yes"),
            *("--cluster-node-timeout", str(PATIENT_MS), "--repl-diskless-sync-delay", "0"),
        )

    def owner(self, key: bytes | str) -> int:
        """The port of the server that has the key's slot, as most of them see it."""
        slot = key_slot(key.encode() if isinstance(key, str) else key)
        for port in self._processes:
            for first, last, master, *_ in ask(port, "CLUSTER", "SLOTS"):
                if first <= slot <= last and master[1] in self._processes:
                    return int(master[1])
        raise LookupError(slot)

    def move(self, key: bytes | str, target: int, *, halfway: bool = False) -> None:
        """Give the key's slot, with all that is in it, to another master; `halfway`: only begin to."""
        slot, source = key_slot(key.encode() if isinstance(key, str) else key), self.owner(key)
        there, here = ask(target, "CLUSTER", "MYID"), ask(source, "CLUSTER", "MYID")
        ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", here)
        ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", there)
        if not halfway:
            self.finish_move(key, source, target)

    def finish_move(self, key: bytes | str, source: int, target: int) -> None:
        """What `move` began."""
        slot = key_slot(key.encode() if isinstance(key, str) else key)
        there = ask(target, "CLUSTER", "MYID")
        while keys := ask(source, "CLUSTER", "GETKEYSINSLOT", slot, 1000):
            ask(source, "MIGRATE", "127.0.0.1", target, "", 0, 5000, "KEYS", *keys)
        for port in (target, source, *self.ports[:3]):
            ask(port, "CLUSTER", "SETSLOT", slot, "NODE", there)

    def until_master(self, port: int) -> None:
        """Return when everybody knows that the server at `port` has slots."""
        until(lambda: all(port in self._masters(each) for each in self._processes))
        until(lambda: all(_field(each, ("CLUSTER", "INFO"), "cluster_state") == "ok" for each in self._processes))

    @staticmethod
    def _masters(port: int) -> set[int]:
        return {int(master[1]) for _, _, master, *_ in ask(port, "CLUSTER", "SLOTS")}

    def _knows(self, port: int) -> int:
        return int(_field(port, ("CLUSTER", "INFO"), "cluster_known_nodes") or 0)


class OwnSentinels(Servers):
    """A master, a replica, and three sentinels."""

    def __init__(self) -> None:
        super().__init__()
        *self.ports, one, two, three = free_ports(5)
        self.sentinels: Final = [one, two, three]

    @property
    def url(self) -> str:
        """Of whichever is the master."""
        return "redis+sentinel://" + ",".join(f"127.0.0.1:{port}" for port in self.sentinels) + f"/{SERVICE}/0"

    def start(self) -> None:
        master, replica = self.ports
        self.run(master, "--appendonly", "yes", "--repl-diskless-sync-delay", "0")
        self.run(replica, "--appendonly", "yes", "--replicaof", "127.0.0.1", str(master))
        until(lambda: _field(replica, ("INFO", "replication"), "master_link_status") == "up")
        # They would find out by themselves, in seconds.
        names = {port: f"{port:040x}" for port in self.sentinels}
        for port in self.sentinels:
            file = self._directory / f"{port}.conf"
            others = [f"127.0.0.1 {each} {name}" for each, name in names.items() if each != port]
            file.write_text(
                f"sentinel myid {names[port]}\n"
                f"sentinel monitor {SERVICE} 127.0.0.1 {master} 2\n"
                f"sentinel known-replica {SERVICE} 127.0.0.1 {replica}\n"
                + "".join(f"sentinel known-sentinel {SERVICE} {each}\n" for each in others)
                + f"sentinel down-after-milliseconds {SERVICE} {PATIENT_MS}\n"
                f"sentinel failover-timeout {SERVICE} 5000\n"
            )
            self.run(port, str(file), "--sentinel")
        until(lambda: all(self._sees(port) for port in self.sentinels))

    def master(self, *, other_than: int | None = None) -> int | None:
        """Where the sentinels say that the master is; None if that is where it was."""
        _, port = ask(self.sentinels[0], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        return None if int(port) == other_than else int(port)

    def fail_over(self) -> None:
        """Kill the master, and wait for the replica to take its place."""
        died = self.master()
        assert died
        self.copied(died)
        self.kill_master(died)
        self.until_master(other_than=died)

    def kill_master(self, port: int) -> None:
        """As a crash would; the sentinels notice soon."""
        self.kill(port)
        for each in self.sentinels:
            ask(each, "SENTINEL", "SET", SERVICE, "down-after-milliseconds", QUIET_MS)

    def until_master(self, *, other_than: int) -> None:
        """Return when there is another one, that takes writes."""
        port = until(lambda: self.master(other_than=other_than))
        until(lambda: port and _field(port, ("INFO", "replication"), "role") == "master")

    @staticmethod
    def cut_off_replicas(master: int) -> None:
        """Those that are frozen don't come back before they are thawed."""
        assert ask(master, "CLIENT", "KILL", "TYPE", "replica") == 1

    @staticmethod
    def copied(master: int) -> None:
        """Return when the replica has all that the master has."""
        assert ask(master, "WAIT", 1, 5000) == 1

    @staticmethod
    def _sees(port: int) -> bool:
        with Redis(port=port, socket_timeout=5) as client:
            state = client.sentinel_master(SERVICE)
        return bool(state["num-slaves"] == 1 and state["num-other-sentinels"] == 2)


class ChosenStores(EmbeddedStores):
    """The embedded stores; with another Redis, where the environment says so."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        kinds = {"cluster": OwnCluster, "sentinel": OwnSentinels, "": None}
        kind = kinds[os.environ.get("PARLEY_TEST_REDIS", "")]
        self._chosen: Final = kind() if kind else None
        self._runs = False

    @property
    def redis_url(self) -> str:
        return self._chosen.url if self._chosen and self._runs else super().redis_url

    def start(self) -> Self:
        super().start()
        if self._chosen:
            self._chosen.__enter__()
            self._runs = True
        return self

    def stop(self) -> None:
        if self._chosen and self._runs:
            self._chosen.__exit__()
            self._runs = False
        super().stop()


class WholeCluster(ClusterClient):
    """Can do what only tests do: ask all servers."""

    async def flushall(self, *_: Any, **__: Any) -> Any:
        return [await each.flushall() for each in await self.masters()]

    async def keys(self, *args: Any, **_: Any) -> Any:
        return [key for each in await self.masters() for key in await each.keys(*args)]

    async def scan_iter(self, *args: Any, **_: Any) -> Any:
        for key in await self.keys(*args):
            yield key

    async def time(self, *_: Any, **__: Any) -> Any:
        return await (await self.masters())[0].time()

    async def client_list(self, *_: Any, **named: Any) -> Any:
        return [one for each in await self.masters() for one in await each.client_list(**named)]

    async def client_kill_filter(self, *_: Any, **named: Any) -> Any:
        return [await each.client_kill_filter(**named) for each in await self.masters()]

    async def pubsub_channels(self, *_: Any, **__: Any) -> Any:
        return [name for each in await self.masters() for name in await each.pubsub_shardchannels()]


def whole(url: str) -> AsyncRedis:
    """A client that can do more than Parley's own: of a cluster, too."""
    client = open_redis(url)
    if isinstance(client, ClusterClient):
        client.__class__ = WholeCluster
    return client
