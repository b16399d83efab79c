"""A client of a Redis Cluster: each command goes to the server that has the slot of its key.

Why not redis-py's: see `.github/decisions/0049-redis-by-address.md`.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import AskError, AuthenticationError, ClusterDownError, MovedError, NoScriptError, TryAgainError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from models.redis.address import Node
from models.redis.connecting import Manner
from models.redis.slots import SlotMap

REDIRECTS: Final = 16
TRY_AGAIN_SECONDS: Final = 0.05
_SCRIPTS: Final = frozenset({"EVAL", "EVALSHA"})
_LOST: Final = (RedisConnectionError, RedisTimeoutError, ClusterDownError)


class ClusterScript(AsyncScript):
    """Sent to a server that doesn't know it in full: loading it everywhere would fail while any server is away."""

    async def __call__(self, keys: Any = None, args: Any = None, client: Any = None) -> Any:
        """See redis-py; a script has a key at least."""
        given = [len(keys), *keys, *(args or ())]
        try:
            return await self.registered_client.execute_command("EVALSHA", self.sha, *given)
        except NoScriptError:
            return await self.registered_client.execute_command("EVAL", self.script, *given)


class ClusterClient(Redis):
    """Commands with a key, scripts whose keys share a slot, and PING. A redirected command was not carried out yet.

    What scripts publish stays among the servers of their slot: SSUBSCRIBE there, see `at`.
    """

    def __init__(self, seeds: Sequence[Node], manner: Manner, make: Callable[[Node], Redis]) -> None:
        self._seeds: Final = tuple(seeds)
        self._manner: Final = manner
        self._make: Final = make
        self._clients: Final = dict[Node, Redis]()
        self._map: SlotMap | None = None
        self._reading: Final = asyncio.Lock()
        super().__init__(connection_pool=self.server(seeds[0]).connection_pool)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """See redis-py. Raises `ConnectionError` where no server has the slot, or none of those known answers."""
        pauses = self._manner.pauses()
        while True:
            try:
                return await self._redirected(args, options)
            except AuthenticationError:
                raise
            except _LOST:
                self._map = None
                pause = next(pauses, None)
                if pause is None:
                    raise
                await asyncio.sleep(pause)

    async def at(self, key: bytes | str) -> Redis:
        """A client of the server that has the key's slot."""
        return self.server(await self.owner(key))

    def server(self, node: Node) -> Redis:
        """A client of one server."""
        client = self._clients.get(node)
        if client is None:
            client = self._clients[node] = self._make(node)
        return client

    async def owner(self, key: bytes | str) -> Node:
        """The server that has the key's slot. Raises `RedisError`."""
        return self._owner(self._map or await self.look(), key)

    async def masters(self) -> list[Redis]:
        """A client of each server that has slots."""
        return [self.server(node) for node in sorted((await self.look()).masters)]

    async def look(self, first: Node | None = None) -> SlotMap:
        """Read anew who has what, of the server at `first` or any other; who asks meanwhile gets the same answer."""
        before = self._map
        async with self._reading:
            if self._map is None or self._map is before:
                self._map = await self._read(first)
            return self._map

    def register_script(self, script: Any) -> Any:
        """See redis-py."""
        return ClusterScript(self, script.replace("redis.call('PUBLISH'", "redis.call('SPUBLISH'"))

    def pipeline(self, *_: Any, **__: Any) -> Any:
        """Not here: the keys of several commands may lie anywhere."""
        raise NotImplementedError("a script does it, whose keys share a slot")

    def pubsub(self, **_: Any) -> Any:
        """Not here."""
        raise NotImplementedError("ask the server of the channel's slot, see `at`")

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.aclose(close_connection_pool)

    async def _redirected(self, args: Sequence[Any], options: dict[str, Any]) -> Any:
        if args[0] == "PING":
            return all([await client.ping() for client in await self.masters()])
        key, until = _key_of(args), time.monotonic() + self._manner.seconds
        node, asking, hops = await self.owner(key), False, 0
        while hops < REDIRECTS and time.monotonic() < until:
            try:
                return await self._send(node, args, options, asking=asking)
            except MovedError as moved:
                node, asking, hops = await self._moved(key, moved, node), False, hops + 1
            except AskError as ask:
                node, asking, hops = _place(ask, node), True, hops + 1
            except TryAgainError:  # not all of its keys are on one server, until the slot has moved
                await asyncio.sleep(TRY_AGAIN_SECONDS)
                node, asking, hops = await self.owner(key), False, 0
        raise RedisConnectionError("the servers of the cluster don't agree on who has a slot")

    async def _send(self, node: Node, args: Sequence[Any], options: dict[str, Any], *, asking: bool) -> Any:
        client = self.server(node)
        if not asking:
            return await client.execute_command(*args, **options)  # type: ignore[no-untyped-call]
        # Both on one connection: the permission is for the next command on it.
        async with client.pipeline(transaction=False) as pipe:
            pipe.execute_command("ASKING")
            pipe.execute_command(*args, **options)
            return (await _first_raised(pipe))[1]

    async def _moved(self, key: Any, moved: MovedError, asked: Node) -> Node:
        node = _place(moved, asked)
        known = self._map or await self.look(node)
        if known.of(key) == asked:  # else somebody has looked since
            known = await self.look(node)
        if known.of(key) == asked:
            known.move(moved.slot_id, node)
        return self._owner(known, key)

    async def _read(self, first: Node | None) -> SlotMap:
        known = list({*self._seeds, *self._clients})
        random.shuffle(known)
        failure: Exception | None = None
        for node in [*([first] if first else []), *known]:
            try:
                found = SlotMap.read(await self.server(node).execute_command("CLUSTER", "SLOTS"), node)  # type: ignore[no-untyped-call]
            except (*_LOST, OSError) as error:
                failure = error
                continue
            if found.masters:
                await self._forget(found)
                return found
        raise RedisConnectionError("no server of the cluster says who has which slot") from failure

    async def _forget(self, found: SlotMap) -> None:
        """Servers that have left keep no idle connection."""
        for node, client in self._clients.items():
            if node not in found.masters:
                await client.connection_pool.disconnect(inuse_connections=False)

    def _owner(self, known: SlotMap, key: Any) -> Node:
        node = known.of(key)
        if node is None:
            self._map = None
            raise RedisConnectionError("no server of the cluster has the slot")
        return node


async def _first_raised(pipe: Any) -> list[Any]:
    answers: list[Any] = await pipe.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def _key_of(args: Sequence[Any]) -> Any:
    position = 3 if args[0] in _SCRIPTS else 1
    if len(args) <= position or (position == 3 and int(args[2]) < 1):
        raise NotImplementedError(f"`{args[0]}` without a key has no server in a cluster: see `servers`")
    return args[position]


def _place(error: AskError, asked: Node) -> Node:
    return Node(error.host or asked.host, int(error.port))
