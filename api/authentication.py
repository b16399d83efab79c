"""Bearer token to principal, and the joining of the parts that sign people in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from redis.asyncio import Redis

from api.settings import Settings
from permissions.authn.accounts import Accounts
from permissions.authn.attempts import AttemptLimits, Attempts
from permissions.authn.errors import KeyRingError, UnauthenticatedError
from permissions.authn.gate import SessionGate
from permissions.authn.keys import KeyRing
from permissions.authn.passwords import Passwords
from permissions.authn.principal import Principal
from permissions.authn.refresh import RefreshTokens
from permissions.authn.sessions import SessionLimits, Sessions
from permissions.authn.tokens import Tokens
from permissions.authn.witness import UNSEEN, Witness


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Says who sends a request or opened a socket. One a worker."""

    tokens: Tokens
    gate: SessionGate

    async def authenticate(self, authorization: str | None) -> Principal | None:
        """The caller whom `Authorization: Bearer …` proves; None for one who claims nothing.

        Raise `UnauthenticatedError` (or its `TokenExpiredError`, `TokenRevokedError`) for a bad proof, and
        `AuthnUnavailableError` where it can't be checked.
        """
        if authorization is None:
            return None
        token = await self.tokens.verify(_bearer(authorization))
        await self.gate.require(token.principal)
        return token.principal


@dataclass(frozen=True, slots=True)
class Authentication:
    """What a worker needs to sign people in and to know them again."""

    accounts: Accounts
    authenticator: Authenticator
    keys: KeyRing


@asynccontextmanager
async def open_authentication(
    settings: Settings, redis: Redis, witness: Witness = UNSEEN
) -> AsyncIterator[Authentication]:
    """Join the parts; `Database.connect` comes first. Makes the first signing key where there is none."""
    if settings.secret_key is None:
        raise KeyRingError("set PARLEY_SECRET_KEY: 32 random characters or more, the same for all workers")
    secret = settings.secret_key.get_secret_value()
    keys = key_ring(settings, secret)
    await keys.ensure()
    tokens = _tokens(settings, keys)
    sessions = _sessions(settings, redis)
    gate = SessionGate(sessions)
    passwords = Passwords(settings.password_hashers, waiting=settings.password_waiting)
    accounts = Accounts(passwords, tokens, RefreshTokens(secret), sessions, _attempts(settings, redis), gate, witness)
    try:
        yield Authentication(accounts, Authenticator(tokens, gate), keys)
    finally:
        passwords.close()


def key_ring(settings: Settings, secret: str) -> KeyRing:
    """The ring of `settings`, not loaded yet."""
    previous = settings.secret_key_previous
    return KeyRing(
        secret,
        algorithm=settings.signing_algorithm,
        token_seconds=settings.access_token_seconds,
        previous=previous.get_secret_value() if previous else None,
    )


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise UnauthenticatedError("authorization is not a bearer token")
    return token.strip(" ")


def _tokens(settings: Settings, keys: KeyRing) -> Tokens:
    return Tokens(
        keys,
        issuer=settings.issuer,
        audience=settings.audience,
        lifetime=settings.access_token_seconds,
    )


def _sessions(settings: Settings, redis: Redis) -> Sessions:
    limits = SessionLimits(
        lifetime=timedelta(days=settings.refresh_token_days),
        idle=timedelta(days=settings.refresh_token_idle_days),
        leeway=timedelta(seconds=settings.refresh_leeway_seconds),
        most=settings.sessions_per_account,
    )
    return Sessions(redis, limits)


def _attempts(settings: Settings, redis: Redis) -> Attempts:
    limits = AttemptLimits(
        seconds=settings.login_seconds,
        account=settings.login_failures,
        address=settings.login_failures_address,
        everywhere=settings.login_failures_account,
    )
    return Attempts(redis, limits)
