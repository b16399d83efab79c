"""Other services that sign in by themselves: a name, a secret, and nothing to refresh (RFC 6749, 4.4)."""

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

from pymongo.errors import DuplicateKeyError

from models.clock import now
from models.user import User
from permissions.authn.accounts import Accounts
from permissions.authn.attempts import Attempts
from permissions.authn.availability import answering
from permissions.authn.errors import BadCredentialsError, ServiceNameError
from permissions.authn.passwords import Passwords
from permissions.authn.principal import Client, Principal, new_id
from permissions.authn.refresh import digest
from permissions.authn.sessions import DISABLED, Sessions
from permissions.authn.tokens import Tokens
from permissions.authn.witness import UNSEEN, SignIn, Witness

PREFIX: Final = "pcs_"
"""Lets secret scanners find a leaked one."""
NAME: Final = re.compile(r"[a-z][a-z0-9-]{1,62}", re.ASCII)
"""A name is where persons have an address: without `@` it can't be anybody's."""
DEVICE: Final = "client credentials"
NO_REFRESH: Final = "none"
"""The digest of no token: such a session can't be refreshed."""
NOBODYS: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Granted:
    """What a service proves itself with for `expires_in` seconds."""

    access_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class ServiceAccounts:
    """Secrets are 256 random bits, so that a quick digest hides them as well as a slow one does.

    Argon2 makes guessing dear, and there is nothing to guess here; but each token would cost 64 MiB, and wait in line
    with the passwords of persons.
    """

    tokens: Tokens
    sessions: Sessions
    attempts: Attempts
    witness: Witness = UNSEEN

    @classmethod
    def beside(cls, accounts: Accounts) -> Self:
        """With the parts that sign persons in."""
        return cls(accounts.tokens, accounts.sessions, accounts.attempts, accounts.witness)

    async def grant(self, name: str, secret: str, client: Client) -> Granted:
        """A token, and a session that ends with it. Raise `BadCredentialsError` or `TooManyAttemptsError`."""
        async with self.attempts.one(name, client.ip, everywhere=False):  # nobody guesses 256 bits
            account = await self._proven(name, secret, client)
        await self.tokens.prepare()
        principal, lifetime = Principal(account.id, new_id()), timedelta(seconds=self.tokens.lifetime)
        session = await self.sessions.open(principal, NO_REFRESH, DEVICE, client, lifetime)
        if not _accepts(await _find(name), secret):  # else the secret was renewed, or the account closed, meanwhile
            await self.sessions.end(principal, DISABLED)
            raise BadCredentialsError
        return Granted(self.tokens.issue(session), self.tokens.lifetime)

    async def _proven(self, name: str, secret: str, client: Client) -> User:
        account = await _find(name)
        if not _accepts(account, secret) or account is None:
            await self.witness.saw(SignIn.FAILED, account.id if account else None, client)
            raise BadCredentialsError
        return account


def _accepts(account: User | None, secret: str) -> bool:
    """Whether it is the account's secret: an account without one, a closed one, and none at all take as long."""
    known = account.client_secret if account and not account.disabled else None
    return hmac.compare_digest(digest(secret), known or NOBODYS) and known is not None


async def register_service(passwords: Passwords, name: str) -> tuple[User, str]:
    """Make the account; the secret is told this once. Raise `ServiceNameError`."""
    if not NAME.fullmatch(name):
        raise ServiceNameError("a service's name is 2 to 63 of a-z, 0-9 and `-`, and begins with a letter")
    secret = new_secret()
    user = User(
        email=name,
        email_key=name,
        display_name=name,
        name_key=name,
        # Of a password that nobody knows: a login by this name takes as long as any, and never succeeds.
        password_hash=await passwords.rehash(new_secret()),
        client_secret=digest(secret),
        created_at=now(),
    )
    async with answering("MongoDB"):
        try:
            await user.insert()
        except DuplicateKeyError:
            raise ServiceNameError(
                f"there is a service `{name}`; `parley service renew` gives it another secret"
            ) from None
    return user, secret


async def renew_secret(name: str) -> str:
    """Replace the secret; tokens that were issued for the old one live out their minutes. Raise `ServiceNameError`."""
    account, secret = await _find(name), new_secret()
    if account is None or account.client_secret is None:
        raise ServiceNameError(f"no service `{name[:63]}`")
    async with answering("MongoDB"):
        await User.get_pymongo_collection().update_one({"_id": account.id}, {"$set": {"client_secret": digest(secret)}})
    return secret


def new_secret() -> str:
    """256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


async def _find(name: str) -> User | None:
    if not NAME.fullmatch(name):
        return None
    async with answering("MongoDB"):
        return await User.find_one({"email_key": name})
