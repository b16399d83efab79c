"""The living rules in this worker's memory: loaded before it serves, kept fresh by push, and by asking all the same."""

import asyncio
import contextlib
import os
import random
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import structlog

from models.clock import now
from models.pubsub import Listener
from permissions.authn.errors import AuthnUnavailableError
from permissions.authn.revocation import store
from permissions.authn.revocation.index import RuleIndex
from permissions.authn.revocation.judged import Judged
from permissions.authn.revocation.ledger import CHANNEL, Ledger, Mark
from permissions.authn.revocation.listeners import Listeners
from permissions.authn.revocation.rules import Rule

_log: Final = structlog.get_logger(__name__)

ASK_SECONDS: Final = 0.4
"""How often a worker asks what is new, should it not be told."""
AGAIN_SECONDS: Final = 0.2
RECONCILE_SECONDS: Final = 60.0
"""How often rules are looked for that are in MongoDB only: whoever made them died before he could tell."""
MOST_SECONDS: Final = 24 * 3600.0
"""Who has not looked for so long looks at all of them."""
MARGIN: Final = timedelta(seconds=120)
MOST_LOSSES: Final = 5
"""A Redis that forgets quicker than it is told is of no use."""


class Mirror:
    """One a worker. `load` it, then run `follow` beside the requests, in a block of `listening`; at the end `leave`."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.monotonic) -> None:
        self.ledger: Final = ledger
        self.name: Final = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(2)}"
        self.index: Final = RuleIndex()
        self.listeners: Final = Listeners()
        self._clock: Final = clock
        self._mark = Mark()
        self._heard = float("-inf")
        self._asked: Final = asyncio.Event()
        self._asking: Final = asyncio.Lock()
        self._reconcile_at = float("-inf")
        self._reconciled = float("-inf")

    @property
    def silence(self) -> float:
        """Seconds since this worker last knew that it knows everything; infinite before the first time."""
        return self._clock() - self._heard

    def find(self, judged: Judged) -> Rule | None:
        """A rule that hits it."""
        return self.index.hit(judged, _ms())

    def take(self, rule: Rule) -> None:
        """Judge by it from now on."""
        if self.index.add(rule):
            self.listeners.tell(rule)

    async def load(self) -> None:
        """Read all living rules. Raise `AuthnUnavailableError` without MongoDB; Redis may come later."""
        asked = self._clock()
        for rule in await store.living():
            self.take(rule)
        self._reconciled = asked
        with contextlib.suppress(AuthnUnavailableError):
            await self.catch_up()

    async def catch_up(self) -> None:
        """Know all that was told before this call. Raise `AuthnUnavailableError` where that can't be done."""
        wanted = self._clock()
        async with self._asking:
            if self._heard < wanted:  # else somebody has asked since
                await self._catch_up()

    async def _catch_up(self) -> None:
        asked, reading_on, more, losses = self._clock(), False, True, 0
        while more:
            news = await self.ledger.news(self.name, self._mark, reading_on=reading_on)
            if news.lost:
                losses += 1
                if losses > MOST_LOSSES:
                    raise AuthnUnavailableError("Redis")
                if self._mark.epoch:
                    _log.warning("revocations.redis_lost_data")
                await self.fill(ended=news.mark.epoch)
                continue
            for rule in news.rules:
                self.take(rule)
            self._mark, reading_on, more = news.mark, news.partial, news.more
        self._heard = asked
        self.index.drop_ended(_ms())

    async def fill(self, ended: str) -> None:
        """Tell Redis, whose epoch `ended` is over, all that is in MongoDB."""
        rules = await store.living()
        await self.ledger.fill(rules)
        await self.ledger.seal(ended)

    async def follow(self) -> None:
        """Ask what is new, for ever: when told to, and every `ASK_SECONDS`."""
        while True:
            self._asked.clear()
            try:
                await self.catch_up()
                if self._clock() >= self._reconcile_at:
                    await self._reconcile()
            except AuthnUnavailableError as error:
                self._troubled(error.store)
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            except (KeyError, TypeError, ValueError):  # a rule that a newer release wrote: who can't read it, refuses
                _log.exception("revocations.unreadable")
                await asyncio.sleep(ASK_SECONDS)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ASK_SECONDS):
                    await self._asked.wait()

    @contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        """Within the block, ask as soon as there is something new. Missing it costs no more than `ASK_SECONDS`."""
        name = CHANNEL.encode()
        listener.listen(name, self)
        try:
            yield
        finally:
            listener.leave(name)

    def hear(self, _: bytes) -> None:
        """See `Ear`. That there is something is said, not what."""
        self._asked.set()

    def connected(self) -> None:
        """See `Ear`."""
        self._asked.set()

    def cut_off(self) -> None:
        """See `Ear`. What it asks by goes another way, and says when it doesn't go any more."""

    async def leave(self) -> None:
        """Nobody need wait for this worker's confirmations any more."""
        with contextlib.suppress(AuthnUnavailableError):
            await self.ledger.leave(self.name)

    async def _reconcile(self) -> None:
        """Tell of rules that are in MongoDB only."""
        asked = self._clock()
        rules = [rule for rule in await self._made_since() if rule.expires_at > _ms()]
        for rule in rules:
            self.take(rule)
        if await self.ledger.fill(rules):
            _log.warning("revocations.found_untold")
        spread = random.uniform(0.5, 1)  # noqa: S311 - nobody gains by guessing it
        self._reconcile_at, self._reconciled = self._clock() + RECONCILE_SECONDS * spread, asked

    async def _made_since(self) -> Sequence[Rule]:
        """Those made since the last look, however long ago that was: in an outage of Redis nobody was told of any."""
        passed = self._clock() - self._reconciled
        if passed > MOST_SECONDS:
            return await store.living()
        return await store.made_since(now() - MARGIN - timedelta(seconds=max(passed, 2 * RECONCILE_SECONDS)))

    def _troubled(self, name: str) -> None:
        if self._reconcile_at > float("-inf"):
            _log.warning("revocations.store_away", store=name)
        self._reconcile_at = float("-inf")  # what was made meanwhile may be in MongoDB only


def _ms() -> int:
    return time.time_ns() // 1_000_000
