"""When and why what a socket was opened with stops being good: told at once, for a socket may never ask."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from permissions.authn.revocation.mirror import Mirror
from permissions.authn.revocation.rules import Rule
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
        self._event: Final = asyncio.Event()
        self._held = ExitStack()

    def watch(self, token: AccessToken, mirror: Mirror) -> None:
        """Hear of the end of `token`, and no more of an earlier one's."""
        self.release()
        self._held.enter_context(mirror.listeners.listening(token.judged, self._revoked))
        left = max(0.0, token.expires_at - time.time())
        timer = asyncio.get_running_loop().call_later(left, self.end, Cut(None))
        self._held.callback(timer.cancel)
        # It may have been taken back between being judged and this.
        if (rule := mirror.find(token.judged)) is not None:
            self._revoked(rule)

    def release(self) -> None:
        """Hear of nothing any more."""
        self._held.close()

    async def wait(self) -> Cut:
        """Return when it is over."""
        while self.cut is None:
            await self._event.wait()
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

    def _revoked(self, rule: Rule) -> None:
        self.end(Cut(rule.reason))

    def end(self, cut: Cut) -> None:
        """It is over; the first reason counts."""
        if self.cut is None:
            self.cut = cut
            self._event.set()


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
