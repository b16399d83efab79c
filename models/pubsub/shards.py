"""Listening in a cluster: a connection to each server on whose slots there is something to listen to."""

import asyncio
import contextlib
from typing import Final

import structlog
from redis.exceptions import MovedError, RedisError

from models.pubsub.ending import end
from models.pubsub.line import SHARDED, Dialect, Line
from models.pubsub.listener import Listener
from models.redis import ClusterClient, Node, SlotMap, listening
from models.redis.backoff import delays

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 5.0
"""How often it is looked who has which slot. What moves otherwise is noticed at once: this is for a master that has
become a replica without a word, and hands on what it hears of the new one."""


class ShardedListener(Listener):
    """Subscribes on the server that has the channel's slot, and follows it."""

    dialect: Dialect = SHARDED

    def __init__(self, redis: ClusterClient) -> None:
        super().__init__(redis)
        self._cluster: Final = redis
        self._known: SlotMap | None = None
        self._lines: Final = dict[Node, Line]()
        self._tasks: Final = dict[Node, asyncio.Task[None]]()
        self._homes: Final = dict[bytes, Node]()
        self._astray: Final = set[bytes]()
        self._wake: Final = asyncio.Event()
        self._ask: Node | None = None
        self._waits = delays()

    async def run(self) -> None:
        """Be connected to whom it takes, for ever."""
        while True:
            self._wake.clear()
            await self._look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
                    await asyncio.sleep(next(self._waits))

    async def close(self) -> None:
        """See `Listener`."""
        await end(self._tasks.values())

    async def _look(self) -> None:
        ask, self._ask = self._ask, None
        try:
            known = await self._cluster.look(ask)
        except (RedisError, OSError) as error:
            log.warning("live.redis_lost", error=type(error).__name__)
            self._wake.set()
            return
        if known != self._known:
            self._known = known
            self._astray.update(name for name in self._ears if known.of(name) != self._homes.get(name))
        for name in list(self._astray):
            self._begin(name)
        for node, line in self._lines.items():
            if not line.names:
                self._tasks[node].cancel()

    def _begin(self, name: bytes) -> None:
        self._leave_home(name)
        node = self._known.of(name) if self._known else None
        if node is None:
            self._astray.add(name)
            return
        self._astray.discard(name)
        self._homes[name] = node
        self._at(node).add(name)

    def _end(self, name: bytes) -> None:
        self._astray.discard(name)
        self._leave_home(name)

    def _leave_home(self, name: bytes) -> None:
        node = self._homes.pop(name, None)
        if node is not None and (line := self._lines.get(node)):
            line.drop(name)
        self._cut_off(name)

    def _stray(self, name: bytes) -> None:
        # The server that had its slot knows who has it now.
        self._ask = self._homes.pop(name, None)
        if name in self._ears:
            self._cut_off(name)
            self._astray.add(name)
        self._wake.set()

    def _confirm(self, name: bytes) -> None:
        self._waits = delays()
        super()._confirm(name)

    def _at(self, node: Node) -> Line:
        line = self._lines.get(node)
        if line is None:
            line = self._lines[node] = self._new_line()
            self._tasks[node] = asyncio.create_task(self._keep(node, line))
        return line

    async def _keep(self, node: Node, line: Line) -> None:
        """Serve until it fails; then all of its topics look for a server anew."""
        try:
            async with listening(self._cluster.server(node)) as connection:
                await line.serve(connection)
        except MovedError as moved:
            self._ask = Node(moved.host or node.host, int(moved.port))
        except (RedisError, OSError) as error:
            log.warning("live.redis_lost", error=type(error).__name__)
        finally:
            self._give_up(node, line)

    def _give_up(self, node: Node, line: Line) -> None:
        self._deafen(line)
        for name in line.names:
            self._homes.pop(name, None)
            if name in self._ears:
                self._astray.add(name)
        del self._lines[node], self._tasks[node]
        self._wake.set()
