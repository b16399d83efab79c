"""What is done to accounts by others than their owners: made, closed and opened, given other passwords and secrets.

Nobody gets hold of more than he has: who may do this must be allowed all that the account is, once it can do anything.
"""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, Protocol

from beanie import PydanticObjectId

from models.clock import now
from models.user import User
from permissions.actions import Action
from permissions.audit.events import Origin, Target
from permissions.authn.credentials import ONE_TIME, Credentials, OneTime
from permissions.authn.passwords import one_time_password
from permissions.authn.registration import NewUser, register
from permissions.authn.services import register_service, renew_secret
from permissions.authn.sessions import DISABLED
from permissions.authn.witness import SignIn
from permissions.changes import Changer, PermissionChanges
from permissions.errors import InvalidChangeError, UnknownError

RESET: Final = "account.password_reset"
SERVICE_CREATED: Final = "service.created"
SECRET_RENEWED: Final = "service.secret_renewed"  # noqa: S105 - a kind of record
RENEWED: Final = "secret_renewed"
"""Why a service's tokens are refused."""


class Tell(Protocol):
    """Has something written down in the audit log, and returns when it is; `AuditLog.write` does."""

    def __call__(self, kind: str, by: Origin, target: Target) -> Awaitable[None]:
        """`by` did `kind` to `target`."""


async def nobody(kind: str, by: Origin, target: Target) -> None:
    """There is no log."""


@dataclass(frozen=True, slots=True)
class Switched:
    """`revision` is the change's; `applied`: every worker refuses the account's tokens by now, if it was closed."""

    revision: int
    applied: bool = True


@dataclass(frozen=True, slots=True)
class Administration:
    """One a worker, or a command. Each of these may be called again where it failed half-way, but for making."""

    changes: PermissionChanges
    credentials: Credentials
    tell: Tell = nobody

    async def create_user(self, email: str, display_name: str, by: Changer) -> tuple[User, OneTime]:
        """An account without roles and attributes: they are given as always. Its password is for choosing another.

        Raise `InvalidEmailError`, `DisplayNameError` or `EmailTakenError`.
        """
        handed = OneTime(one_time_password(), now() + ONE_TIME, applied=True)
        new = NewUser(
            email,
            display_name,
            handed.password,
            must_change_password=True,
            password_expires_at=handed.expires_at,
        )
        user = await register(self.credentials.passwords, new)
        await self._tell(SignIn.CREATED, user.id, by)
        return user, handed

    async def disable(self, user_id: PydanticObjectId, by: Changer, reason: str | None = None) -> Switched:
        """Close an account: it signs in nowhere, its sessions are over, its rights count for nothing.

        Raise `EscalationError`, `LastSuperAdminError` or another `ChangeError`.
        """
        revision = await self.changes.set_disabled(user_id, True, by, reason)
        over = await self.credentials.endings.all(user_id, DISABLED, lasting=True)
        return Switched(revision, over.applied)

    async def enable(self, user_id: PydanticObjectId, by: Changer, reason: str | None = None) -> Switched:
        """Open it again. What was over stays over."""
        return Switched(await self.changes.set_disabled(user_id, False, by, reason))

    async def reset_password(self, user_id: PydanticObjectId, by: Changer) -> OneTime:
        """Make a person's password worthless, end his sessions, and get one to hand to him.

        Raise `EscalationError`, or `InvalidChangeError` for a service, and for oneself: with a stolen token one could
        otherwise take the account for good.
        """
        if user_id == by.user_id:
            raise InvalidChangeError("userId", "is your own account: change your password instead")
        if (await _known(user_id)).client_secret is not None:
            raise InvalidChangeError("userId", "is a service: renew its secret instead")
        await self.changes.require_reach(user_id, Action.USER_RESET_PASSWORD, by)
        handed = await self.credentials.reset(user_id)
        await self._tell(RESET, user_id, by)
        return handed

    async def create_service(self, name: str, by: Changer) -> tuple[User, str]:
        """A service's account without roles, and its secret, which can't be shown again. Raise `ServiceNameError`."""
        user, secret = await register_service(self.credentials.passwords, name)
        await self._tell(SERVICE_CREATED, user.id, by)
        return user, secret

    async def renew_secret(self, user_id: PydanticObjectId, by: Changer) -> str:
        """Another secret for a service; nothing that it got with the old one is good any longer.

        Raise `EscalationError`, or `InvalidChangeError` for a person.
        """
        user = await _known(user_id)
        if user.client_secret is None:
            raise InvalidChangeError("userId", "is no service: reset the password instead")
        await self.changes.require_reach(user_id, Action.USER_MANAGE_SERVICES, by)
        secret = await renew_secret(user.email)
        await self.credentials.endings.all(user_id, RENEWED, lasting=True)
        await self._tell(SECRET_RENEWED, user_id, by)
        return secret

    async def _tell(self, kind: str, user_id: PydanticObjectId, by: Changer) -> None:
        await self.tell(kind, by.origin, Target("user", user_id))


async def _known(user_id: PydanticObjectId) -> User:
    user = await User.find_one({"_id": user_id})
    if user is None:
        raise UnknownError("user", str(user_id))
    return user
