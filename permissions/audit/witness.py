"""Signing in, as the audit log sees it."""

from collections import OrderedDict
from typing import Final

from beanie import PydanticObjectId

from permissions.audit.events import Origin, Target
from permissions.audit.log import AuditLog
from permissions.authn.principal import Client
from permissions.authn.witness import SignIn

TOLD: Final = 10_000
"""Sessions whose end by reuse is remembered as told: a token that comes again and again fills no log."""


class AuditWitness:
    """Writes down what it sees. The address that somebody tried is not kept: a password may have slipped into it."""

    def __init__(self, log: AuditLog) -> None:
        self._log: Final = log
        self._told: Final[OrderedDict[str, None]] = OrderedDict()

    async def saw(
        self, what: SignIn, user_id: PydanticObjectId | None, client: Client, session_id: str | None = None
    ) -> None:
        """See `Witness`."""
        if what is SignIn.REUSED and session_id in self._told:
            return
        # Who tries to get in has not shown that he is the account's owner.
        by = None if what is SignIn.FAILED else user_id
        await self._log.write(what, Origin(by, session_id, client.ip, client.request_id), Target("user", user_id))
        if what is SignIn.REUSED and session_id is not None:
            self._told[session_id] = None
            if len(self._told) > TOLD:
                self._told.popitem(last=False)
