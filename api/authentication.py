"""Bearer token to principal, and the joining of the parts that sign people in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from redis.asyncio import Redis

from api.background import running
from api.settings import Settings
from models.pubsub import Listener
from permissions.authn.accounts import Accounts
from permissions.authn.attempts import AttemptLimits, Attempts
from permissions.authn.credentials import Credentials
from permissions.authn.endings import Endings
from permissions.authn.errors import KeyRingError, UnauthenticatedError
from permissions.authn.gate import SessionGate, WhenStale
from permissions.authn.keys import KeyRing
from permissions.authn.passwords import Passwords
from permissions.authn.refresh import RefreshTokens
from permissions.authn.revocation.ledger import Ledger
from permissions.authn.revocation.mirror import Mirror
from permissions.authn.revocation.revocations import Lives, Revocations
from permissions.authn.revocation.revoker import Revoker
from permissions.authn.sessions import SessionLimits, Sessions
from permissions.authn.tokens import CLOCK_SKEW_SECONDS, AccessToken, Tokens
from permissions.authn.witness import UNSEEN, Witness

SILENT_SECONDS: Final = 60
"""How long a silent worker may still accept what was revoked, where it does not fail closed."""


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Says who sends a request or opened a socket. One a worker."""

    tokens: Tokens
    gate: SessionGate

    async def authenticate(self, authorization: str | None) -> AccessToken | None:
        """What `Authorization: Bearer …` proves of the caller; None for one who claims nothing.

        Raise `UnauthenticatedError` (or its `TokenExpiredError`, `TokenRevokedError`) for a bad proof, and
        `AuthnUnavailableError` where it can't be checked.
        """
        if authorization is None:
            return None
        token = await self.tokens.verify(_bearer(authorization))
        self.gate.require(token)
        return token

    def known(self, authorization: str | None) -> AccessToken | None:
        """The same of a token that is remembered; None where that has to be found out, or nothing is claimed."""
        token = None if authorization is None else self.tokens.known(_bearer(authorization))
        if token is not None:
            self.gate.require(token)
        return token


@dataclass(frozen=True, slots=True)
class Authentication:
    """What a worker needs to sign people in and to know them again."""

    accounts: Accounts
    authenticator: Authenticator
    keys: KeyRing
    revocations: Revocations


@asynccontextmanager
async def open_authentication(
    settings: Settings, redis: Redis, listener: Listener, witness: Witness = UNSEEN
) -> AsyncIterator[Authentication]:
    """Join the parts; `Database.connect` comes first. Makes the first signing key where there is none."""
    if settings.secret_key is None:
        raise KeyRingError("set PARLEY_SECRET_KEY: 32 random characters or more, the same for all workers")
    secret = settings.secret_key.get_secret_value()
    keys = key_ring(settings, secret)
    await keys.ensure()
    tokens = _tokens(settings, keys)
    sessions = _sessions(settings, redis)
    ledger = Ledger(redis)
    mirror = Mirror(ledger)
    revocations = Revocations(ledger, lives(settings), mirror)
    gate = SessionGate(
        mirror, stale_seconds=settings.revocation_stale_seconds, when_stale=WhenStale(settings.revocation_when_stale)
    )
    passwords = Passwords(
        settings.password_hashers, waiting=settings.password_waiting, patience=settings.password_wait_seconds
    )
    attempts = _attempts(settings, redis)
    accounts = Accounts(
        passwords,
        tokens,
        RefreshTokens(secret, previous_secret(settings)),
        sessions,
        attempts,
        gate,
        witness,
        revocations,
    )
    await mirror.load()
    try:
        with mirror.listening(listener):
            async with running(mirror.follow()):
                yield Authentication(accounts, Authenticator(tokens, gate), keys, revocations)
    finally:
        passwords.close()
        await mirror.leave()


def credentials(settings: Settings, redis: Redis, passwords: Passwords, revoker: Revoker) -> Credentials:
    """What passwords are replaced with, where nobody signs in."""
    endings = Endings(_sessions(settings, redis), revoker)
    return Credentials(passwords, _attempts(settings, redis), endings, UNSEEN)


def lives(settings: Settings) -> Lives:
    """How long what is revoked lives at most."""
    # A worker that is silent for longer refuses everything by itself; where it doesn't, it is waited for longer.
    closes = WhenStale(settings.revocation_when_stale) is WhenStale.FAIL_CLOSED
    return Lives(
        access=timedelta(seconds=settings.access_token_seconds + CLOCK_SKEW_SECONDS),
        refresh=timedelta(days=settings.refresh_token_days),
        living=timedelta(seconds=settings.revocation_stale_seconds + 1 if closes else SILENT_SECONDS),
    )


def key_ring(settings: Settings, secret: str) -> KeyRing:
    """The ring of `settings`, not loaded yet."""
    return KeyRing(
        secret,
        algorithm=settings.signing_algorithm,
        token_seconds=settings.access_token_seconds,
        previous=previous_secret(settings),
    )


def previous_secret(settings: Settings) -> str | None:
    """The one before `secret_key`, while that is being replaced."""
    return settings.secret_key_previous.get_secret_value() if settings.secret_key_previous else None


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
