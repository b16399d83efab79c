"""Who is told of what happens when people sign in. What he does with it is not our business here."""

from enum import StrEnum
from typing import Final, Protocol

from beanie import PydanticObjectId

from permissions.authn.principal import Client


class SignIn(StrEnum):
    """What is worth telling."""

    FAILED = "login.failed"
    NEW_DEVICE = "login.new_device"
    """None of the account's living sessions is from such a device."""
    DISPLACED = "session.displaced"
    """The account has too many sessions: the one that was used longest ago has ended for the new one."""
    REUSED = "refresh_token.reused"
    """Somebody has a copy of a refresh token; the session is over."""
    CREATED = "account.created"
    PASSWORD_CHANGED = "account.password_changed"  # noqa: S105 - a kind of record
    """By its owner, who has shown the old one."""


class Witness(Protocol):
    """Is told before the caller gets his answer, and raises where that answer must not go out."""

    async def saw(
        self, what: SignIn, user_id: PydanticObjectId | None, client: Client, session_id: str | None = None
    ) -> None:
        """`user_id` is the account it was about; None where there is no such account."""


class NoWitness:
    """Nobody is told."""

    async def saw(
        self, what: SignIn, user_id: PydanticObjectId | None, client: Client, session_id: str | None = None
    ) -> None:
        """See `Witness`."""


UNSEEN: Final = NoWitness()
NOWHERE: Final = Client()
