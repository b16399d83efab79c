"""Whether a session may go on: asked on each request, answered from memory for less than a second."""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from models.clock import now
from models.user import User
from permissions.authn.availability import answering
from permissions.authn.errors import TokenRevokedError
from permissions.authn.principal import Principal
from permissions.authn.sessions import DISABLED, Sessions, Standing

FRESH_SECONDS: Final = 0.8
"""An ended session is refused within 1 s: this, and the time that the question takes."""
REMEMBERED: Final = 50_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is None for a session that lives. `asked` on the monotonic clock, before the stores were asked."""

    asked: float
    reason: str | None
    standing: Standing

    def circumstances(self) -> dict[str, Any]:
        """What conditions read as `env.device` (the client's own words) and `env.session_age` (seconds)."""
        started, device = self.standing.created_at, self.standing.device
        age = None if started is None else int((now() - started).total_seconds())
        return {name: value for name, value in (("device", device), ("session_age", age)) if value is not None}


class SessionGate:
    """One a worker. Redis says whether the session lives, MongoDB whether the account may be used."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._verdicts: OrderedDict[Principal, Verdict] = OrderedDict()

    async def require(self, principal: Principal) -> Verdict:
        """What is known of a session that lives.

        Raise `TokenRevokedError` if it is over, `AuthnUnavailableError` if nobody can tell.
        """
        verdict = self._verdicts.get(principal)
        if verdict is None or time.monotonic() - verdict.asked >= FRESH_SECONDS:
            verdict = await self._ask(principal)
        if verdict.reason is not None:
            raise TokenRevokedError(verdict.reason)
        return verdict

    def forget(self, principal: Principal) -> None:
        """Ask anew next time: this worker has just ended the session."""
        self._verdicts.pop(principal, None)

    async def _ask(self, principal: Principal) -> Verdict:
        asked = time.monotonic()
        standing, usable = await asyncio.gather(self._sessions.standing(principal), _usable(principal))
        verdict = Verdict(asked, standing.ended or (None if usable else DISABLED), standing)
        self._verdicts[principal] = verdict
        self._verdicts.move_to_end(principal)
        while len(self._verdicts) > REMEMBERED:
            self._verdicts.popitem(last=False)
        return verdict


async def _usable(principal: Principal) -> bool:
    async with answering("MongoDB"):
        user = await User.get_pymongo_collection().find_one({"_id": principal.user_id}, {"disabled": 1})
    return user is not None and not user.get("disabled", False)
