"""When and why what a socket was opened with stops being good: told at once, for a socket may never ask."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from permissions.authn.revocation.listeners import Listener
from permissions.authn.revocation.mirror import Mirror
from permissions.authn.revocation.rules import Rule
from permissions.authn.showing import Showing
from permissions.authn.tokens import AccessToken


@dataclass(frozen=True, slots=True)
class Cut:
    """`reason` is None where the token has only expired: its session goes on."""

    reason: str | None


class Cutoff:
    """One a socket. Before it watches a token, nothing is ever cut off."""

    def __init__(self) -> None:
        self.cut: Cut | None = None
        self.telling: Final = set[asyncio.Task[object]]()
        """Tasks that tell their client why; the socket waits for them."""
        self.doing: Final = set[asyncio.Task[object]]()
        """Tasks that change something: they come to their end, whatever becomes of the socket."""
        self.lost: frozenset[asyncio.Task[object]] = frozenset()
        """Tasks whose caller has lost the right to what they tell: of that only the last is sent, which says so."""
        self.showing: Final = Showing()
        """What may have to be looked at before it is sent."""
        # Not an event and a stack, which are empty nearly always, and large: there is one of these to each socket.
        self._waiting: Final[list[asyncio.Future[None]]] = []
        self._heard: Callable[[], None] | None = None
        self._mirror: Mirror | None = None
        self._listener: Listener | None = None
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, token: AccessToken, mirror: Mirror) -> None:
        """Hear of the end of `token`, and no more of an earlier one's."""
        self.release()
        self._mirror, self._listener = mirror, mirror.listeners.add(token.judged, self._revoked)
        left = max(0.0, token.expires_at - time.time())
        self._timer = asyncio.get_running_loop().call_later(left, self.end, Cut(None))
        # It may have been taken back between being judged and this.
        if (rule := mirror.find(token.judged)) is not None:
            self._revoked(rule)

    def close(self) -> None:
        """Nobody hears of the end any more."""
        self.release()
        self._heard = None

    def release(self) -> None:
        """Hear of nothing any more."""
        mirror, listener, timer = self._mirror, self._listener, self._timer
        self._mirror = self._listener = self._timer = None
        if mirror is not None and listener is not None:
            mirror.listeners.discard(listener)
        if timer is not None:
            timer.cancel()

    def heard(self, hear: Callable[[], None]) -> None:
        """Call `hear` when it is over."""
        self._heard = hear
        if self.cut is not None:
            hear()

    async def wait(self) -> Cut:
        """Return when it is over."""
        while self.cut is None:
            ended = asyncio.get_running_loop().create_future()
            self._waiting.append(ended)
            try:
                await ended
            finally:
                self._waiting.remove(ended)
        return self.cut

    @contextmanager
    def told(self) -> Iterator[None]:
        """Within the block the running task tells its client why, and is waited for."""
        with _among(self.telling):
            yield

    @contextmanager
    def done(self) -> Iterator[None]:
        """Within the block the running task changes something. Half of it is not for a client to choose.

        Who broke off before a guess was found wrong would not have it counted; before the audit log is written,
        would not stand in it; and the end of a session over its own socket would break off its being told.
        """
        with _among(self.doing):
            yield

    def losing(self) -> Callable[[], None]:
        """What to call when the caller loses the right to what the running task tells him."""
        task = asyncio.current_task()

        def lose() -> None:
            if task is not None:
                self.lost |= {task}

        return lose

    def _revoked(self, rule: Rule) -> None:
        self.end(Cut(rule.reason))

    def end(self, cut: Cut) -> None:
        """It is over; the first reason counts."""
        if self.cut is None:
            self.cut = cut
            for ended in self._waiting:
                if not ended.done():
                    ended.set_result(None)
            if self._heard is not None:
                self._heard()


@contextmanager
def _among(tasks: set[asyncio.Task[object]]) -> Iterator[None]:
    task = asyncio.current_task()
    if task is not None:
        tasks.add(task)
    try:
        yield
    finally:
        if task is not None:
            tasks.discard(task)
