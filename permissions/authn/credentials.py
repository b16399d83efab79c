"""Passwords of accounts: proven, changed by their owners, replaced by one that is good for choosing another."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from beanie import PydanticObjectId

from models.clock import now
from models.user import User, email_key
from permissions.authn.attempts import Attempts
from permissions.authn.availability import answering
from permissions.authn.endings import Endings, Over
from permissions.authn.errors import BadCredentialsError, WeakPasswordError
from permissions.authn.passwords import Passwords, one_time_password, require_strong
from permissions.authn.principal import Client, Principal
from permissions.authn.registration import MAX_EMAIL_CHARACTERS
from permissions.authn.witness import SignIn, Witness

CHANGED: Final = "password_changed"
RESET: Final = "password_reset"
ONE_TIME: Final = timedelta(hours=24)
"""How long a password that was made for one time is good."""
CHANGES_A_DAY: Final = 20
"""Of one account's password by who knows it. Each makes a rule that all workers keep as long as a session may live."""
DAY_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class OneTime:
    """A password to hand over; it can't be shown again. `applied`: every worker refuses the account's tokens by now."""

    password: str
    expires_at: datetime
    applied: bool


@dataclass(frozen=True, slots=True)
class Credentials:
    """One a worker."""

    passwords: Passwords
    attempts: Attempts
    endings: Endings
    witness: Witness

    async def prove(self, email: str, password: str, client: Client) -> User:
        """The account whose password this is.

        Raise `BadCredentialsError`, the same for all that may be wrong and after the same work, or
        `TooManyAttemptsError`.
        """
        key = email_key(email)
        async with self.attempts.one(key, client.ip):
            user = await _by_email(key)
            matches = await self.passwords.verify(password, user.password_hash if user else None)
            if user is None or user.disabled or not matches or _expired(user):
                await self.witness.saw(SignIn.FAILED, user.id if user else None, client)
                raise BadCredentialsError
            return user

    async def still_stands(self, proven: User) -> bool:
        """Whether the password that was proven is still the account's, and the account in use.

        Proving takes a while, in which it may be changed or the account disabled: whoever opens a session asks this
        afterwards. Who changes it ends the sessions that are there when he has; so one of the two sees the other.
        """
        async with answering("MongoDB"):
            user = await User.find_one({"_id": proven.id})
        return user is not None and not user.disabled and user.password_changed_at == proven.password_changed_at

    async def change(self, email: str, current: str, new: str, client: Client, here: Principal | None = None) -> Over:
        """Have another password, and all sessions ended but the one `here`.

        Raise `WeakPasswordError` for one that may not be chosen, `TooManyAttemptsError` after too many; otherwise
        as `prove`, which counts guesses here too.
        """
        require_strong(new)
        user = await self.prove(email, current, client)
        if await self.passwords.verify(new, user.password_hash):
            raise WeakPasswordError("this is the password that you have")
        await self.attempts.spend(f"password of {user.id}", CHANGES_A_DAY, DAY_SECONDS)
        fields = {
            "password_hash": await self.passwords.hash(new),
            "password_changed_at": now(),
            "password_expires_at": None,
            "must_change_password": False,
        }
        if not await _set_unless_changed(user, fields):
            raise BadCredentialsError  # it was, when we looked
        over = await self._end(user.id, CHANGED, here)
        await self.witness.saw(SignIn.PASSWORD_CHANGED, user.id, client, here.session_id if here else None)
        return over

    async def reset(self, user_id: PydanticObjectId) -> OneTime:
        """Make the account's password worthless, end its sessions, and give it one that is good for choosing another.

        Whoever knew the old one is out. Whether one may do this, and that the account is a person's, is for the caller.
        """
        password, expires_at = one_time_password(), now() + ONE_TIME
        fields = {
            "password_hash": await self.passwords.hash(password),
            "password_changed_at": now(),
            "password_expires_at": expires_at,
            "must_change_password": True,
        }
        async with answering("MongoDB"):
            await User.get_pymongo_collection().update_one({"_id": user_id}, {"$set": fields})
        return OneTime(password, expires_at, (await self._end(user_id, RESET)).applied)

    async def renew_hash(self, user: User, password: str) -> None:
        """Keep the password under today's parameters, unless it has been changed meanwhile."""
        if self.passwords.outdated(user.password_hash):
            renewed = await self.passwords.rehash(password)
            await _set_unless_changed(user, {"password_hash": renewed})

    async def _end(self, user_id: PydanticObjectId, reason: str, here: Principal | None = None) -> Over:
        if here is not None:
            return await self.endings.others(here, reason)
        return await self.endings.all(user_id, reason, lasting=True)


async def _by_email(key: str) -> User | None:
    if len(key) > MAX_EMAIL_CHARACTERS or not _is_text(key):
        return None
    async with answering("MongoDB"):
        return await User.find_one({"email_key": key})


def _expired(user: User) -> bool:
    return user.password_expires_at is not None and user.password_expires_at <= now()


async def _set_unless_changed(proven: User, fields: Mapping[str, Any]) -> bool:
    """Whether the account has `fields` now: not if its password was changed since it was proven.

    A pipeline, because a filter by anything besides the id would have the embedded MongoDB read all accounts.
    """
    unchanged = {"$eq": [{"$ifNull": ["$password_changed_at", None]}, {"$literal": proven.password_changed_at}]}
    with_fields = {"$mergeObjects": ["$$ROOT", {"$literal": dict(fields)}]}
    update = [{"$replaceWith": {"$cond": [unchanged, with_fields, "$$ROOT"]}}]
    async with answering("MongoDB"):
        result = await User.get_pymongo_collection().update_one({"_id": proven.id}, update)
    return result.modified_count == 1


def _is_text(value: str) -> bool:
    """Half of a surrogate pair comes through JSON, but no store takes it."""
    return not any("\ud800" <= character <= "\udfff" for character in value)
