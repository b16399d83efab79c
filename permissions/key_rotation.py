"""Rotating the signing key: the next one signs at once, and every worker and the audit log are told."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from models.clock import now
from permissions.audit.events import SYSTEM, Origin, Target
from permissions.audit.log import AuditLog
from permissions.authn.errors import KeyRingError
from permissions.authn.keys import KeyRing, Use
from permissions.authn.revocation.criteria import KEY_AHEAD_SECONDS, Criteria
from permissions.authn.revocation.revoker import Revoker
from permissions.authn.tokens import KEY_REVOKED

ROTATED: Final = "signing_key.rotated"
REVOKED: Final = "signing_key.revoked"
KEY: Final = "signing_key"


@dataclass(frozen=True, slots=True)
class Rotated:
    """The key that signs now. `made` is false where somebody else made it at the same instant."""

    key_id: str
    made: bool
    revoked: tuple[str, ...] = ()


async def _silently() -> None:
    """Nobody is told: the workers look by themselves, and often."""


class KeyRotation:
    """One a worker. Without `log` nothing is written down, without `revoker` open sockets live out their tokens."""

    def __init__(
        self,
        ring: KeyRing,
        announce: Callable[[], Awaitable[None]] = _silently,
        log: AuditLog | None = None,
        revoker: Revoker | None = None,
    ) -> None:
        self.ring: Final = ring
        self._announce: Final = announce
        self._log: Final = log
        self._revoker: Final = revoker

    async def rotate(self, by: Origin, *, revoke_now: bool = False) -> Rotated:
        """Have a new key sign from now on.

        Older ones verify until the last of their tokens has expired; with `revoke_now`, their tokens are refused from
        now on, on every worker within a second. Sessions go on: a refresh token gives new ones. Of several rotations at
        the same instant one makes the key.
        """
        asked = now()
        await self.ring.load()
        newest = self.ring.newest
        meanwhile = newest is not None and newest.created_at > asked
        return await self._rotate(by, revoke_now, instead=meanwhile)

    async def rotate_if_due(self, longest: timedelta) -> Rotated | None:
        """Do so where the key has signed for so long. None if it need not be, or another worker did it."""
        newest = self.ring.newest
        if newest is None or newest.created_at + longest > now():
            return None
        rotated = await self._rotate(SYSTEM, False, f"the key is {longest.days} days old")
        return rotated if rotated.made else None

    async def adopt_algorithm(self) -> Rotated | None:
        """Rotate where the key that signs is not of the algorithm that is set. None if it is, or another did it."""
        newest = self.ring.newest
        if newest is None or newest.algorithm == self.ring.algorithm:
            return None
        rotated = await self._rotate(SYSTEM, False, f"{self.ring.algorithm} is set")
        return rotated if rotated.made else None

    async def _rotate(
        self, by: Origin, revoke_now: bool, reason: str | None = None, *, instead: bool = False
    ) -> Rotated:
        """With `instead`, the newest key is the one that was to be made."""
        before, dead = self.ring.newest, self._revoked()
        if before is None:
            raise KeyRingError("there is no signing key to rotate: start `parley serve` once")
        made = await self.ring.rotate(before.number - instead, revoke=revoke_now)
        await self._announce()
        after, revoked = self.ring.newest or before, tuple(self._revoked() - dead)
        if self._log is not None and (made or revoke_now or by is not SYSTEM):
            now_so = {"key_id": after.id, "algorithm": after.algorithm, "revoked": revoked}
            kind = REVOKED if revoke_now else ROTATED
            await self._log.write(kind, by, Target(KEY, after.id), {"key_id": before.id}, now_so, reason)
        if revoke_now:
            await self._cut_off(self._revoked())
        return Rotated(after.id, made, revoked)

    def _revoked(self) -> set[str]:
        return {each.key.id for each in self.ring.lives if each.use is Use.REVOKED}

    async def _cut_off(self, revoked: Iterable[str]) -> None:
        """The ring refuses their tokens by itself; what was opened with one before is ended by a rule.

        Keys that were revoked earlier, too: whoever did it may have died before he came to this.
        """
        if self._revoker is not None:
            until = time.time() + KEY_AHEAD_SECONDS - 1
            rules = (Criteria(key_id=kid, issued_before=until) for kid in revoked)
            await asyncio.gather(*(self._revoker.revoke(each, KEY_REVOKED) for each in rules))
