"""Honest clients and thieves around refresh token families, with a clock that they share."""

import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from redis.asyncio import Redis

from models.clock import now
from models.embedded import EmbeddedStores
from models.redis import open_redis
from permissions.authn.accounts import Accounts, Signed
from permissions.authn.errors import TokenRevokedError
from permissions.authn.principal import Client, Principal
from permissions.authn.records import text
from permissions.authn.refresh import digest
from permissions.authn.sessions import SessionLimits, Sessions
from tests.permissions.authn.conftest import PASSWORD, Parts

EMAIL = "alice@demo.example"
HOME = Client("192.0.2.7", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
AWAY = Client("198.51.100.9", HOME.user_agent)
LEEWAY = timedelta(seconds=10)
LOST = 0.3
"""Share of the answers that don't arrive."""


@dataclass
class Clock:
    """Stands, unless it is told to go on."""

    at: datetime = field(default_factory=now)

    def __call__(self) -> datetime:
        return self.at

    def on(self, **length: float) -> None:
        """Go on by a `timedelta`'s words."""
        self.at += timedelta(**length)


@dataclass
class World:
    """Several workers, each with connections of its own, and one clock."""

    workers: list[Accounts]
    clock: Clock
    redis: Redis

    @property
    def accounts(self) -> Accounts:
        return self.workers[0]

    async def login(self, client: Client = HOME, device: str | None = None) -> Signed:
        return await self.accounts.login(EMAIL, PASSWORD, client, device)

    async def reason(self, token: str, client: Client = HOME) -> str | None:
        """Why the token is refused; None where it isn't."""
        try:
            await self.accounts.refresh(token, client)
        except TokenRevokedError as error:
            return error.reason
        return None

    async def counting(self, signed: Signed) -> str | None:
        """The digest of the one token of the family that counts."""
        key = f"parley:{{{signed.user.id}}}:session:{signed.session.id}"
        found = await self.redis.hget(key, "refresh")
        return text(found) if found else None


@asynccontextmanager
async def world_of(parts: Parts, stores: EmbeddedStores, workers: int = 3, **limits: object) -> AsyncIterator[World]:
    """Workers on the stores of `parts`."""
    clock = Clock()
    wanted = replace(SessionLimits(leeway=LEEWAY), **limits)  # type: ignore[arg-type]
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(open_redis(stores.redis_url)) for _ in range(workers)]
        accounts = [replace(parts.accounts, sessions=Sessions(each, wanted, clock)) for each in clients]
        yield World(accounts, clock, clients[0])


@dataclass
class Browser:
    """One honest client: what its tabs share, and all that it was ever given."""

    world: World
    chance: random.Random
    held: str
    given: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.given.append(self.held)

    async def tab(self, times: int) -> None:
        """Refresh, and try again where the answer is lost; then share what came, unless another tab was faster."""
        for _ in range(times):
            presented = self.held
            signed = await self._insist(presented)
            self.given.append(signed.refresh_token)
            if self.held == presented:
                self.held = signed.refresh_token

    async def _insist(self, presented: str) -> Signed:
        while True:
            signed = await self.chance.choice(self.world.workers).refresh(presented, HOME)
            if self.chance.random() >= LOST:
                return signed
            self.world.clock.on(seconds=0.1)

    def family(self) -> Iterator[str]:
        """Each token once, in the order in which they follow each other."""
        token = self.given[0]
        for _ in set(self.given):
            yield token
            token = self.world.accounts.refresh_tokens.successor(token)


def principal_of(signed: Signed) -> Principal:
    """Whom the pair is for."""
    return Principal(signed.user.id, signed.session.id)


def names(tokens: list[str]) -> set[str]:
    """Their digests."""
    return {digest(token) for token in tokens}
