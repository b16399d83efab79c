"""Who sends a request, and the public keys for those who want to know by themselves."""

from collections.abc import AsyncIterator

import httpx
import jwt
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from starlette.applications import Starlette

from api.authentication import Authentication, open_authentication
from api.jwks import jwks_route
from api.settings import Settings
from models.database import Database
from models.pubsub import Listener
from permissions.authn.accounts import Signed
from permissions.authn.errors import KeyRingError, TokenRevokedError, UnauthenticatedError
from permissions.authn.principal import Client, Principal
from permissions.authn.registration import NewUser

PASSWORD = "a quiet parley at noon"


def settings(secret: str | None) -> Settings:
    """Settings that no environment changes."""
    return Settings(_env_file=None, secret_key=SecretStr(secret) if secret else None)


@pytest.fixture
async def authentication(database: Database, redis: Redis, listener: Listener) -> AsyncIterator[Authentication]:
    """A worker's, as the application opens it."""
    async with open_authentication(settings("s" * 32), redis, listener) as opened:
        yield opened


@pytest.fixture
async def signed(authentication: Authentication) -> Signed:
    """Alice, signed in; with the real cost of a password."""
    await authentication.accounts.create_user(NewUser("alice@demo.example", "Alice", PASSWORD))
    return await authentication.accounts.login("alice@demo.example", PASSWORD, Client())


async def test_who_claims_nothing_is_anonymous(authentication: Authentication) -> None:
    assert await authentication.authenticator.authenticate(None) is None


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
async def test_a_bearer_token_names_the_caller(authentication: Authentication, signed: Signed, scheme: str) -> None:
    caller = await authentication.authenticator.authenticate(scheme + signed.access_token)
    assert caller is not None
    assert caller.principal == Principal(signed.user.id, signed.session.id)


@pytest.mark.parametrize(
    "authorization",
    ["", " ", "Bearer", "Bearer ", "Basic YTpi", "Token x", "Bearer a.b.c", "\x00", "é", "Bearer \ud800"],
)
async def test_a_bad_proof_is_an_error_and_not_anonymous(authentication: Authentication, authorization: str) -> None:
    with pytest.raises(UnauthenticatedError):
        await authentication.authenticator.authenticate(authorization)


async def test_a_refresh_token_opens_no_door(authentication: Authentication, signed: Signed) -> None:
    with pytest.raises(UnauthenticatedError):
        await authentication.authenticator.authenticate(f"Bearer {signed.refresh_token}")


async def test_a_token_is_refused_after_the_logout(authentication: Authentication, signed: Signed) -> None:
    bearer = f"Bearer {signed.access_token}"
    caller = await authentication.authenticator.authenticate(bearer)
    assert caller is not None
    await authentication.accounts.logout(caller.principal)
    with pytest.raises(TokenRevokedError) as caught:
        await authentication.authenticator.authenticate(bearer)
    assert caught.value.reason == "logged_out"


async def test_the_public_keys_are_published_and_may_be_cached(authentication: Authentication, signed: Signed) -> None:
    app = Starlette(routes=[jwks_route(authentication.keys)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://parley") as client:
        answer = await client.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/jwk-set+json"
    assert answer.headers["cache-control"] == "public, max-age=60"
    key = jwt.PyJWKSet.from_dict(answer.json())[jwt.get_unverified_header(signed.access_token)["kid"]]
    claims = jwt.decode(signed.access_token, key, algorithms=["EdDSA"], audience="parley", issuer="parley")
    assert claims["sub"] == str(signed.user.id)


async def test_without_a_secret_nothing_starts(database: Database, redis: Redis, listener: Listener) -> None:
    with pytest.raises(KeyRingError, match="PARLEY_SECRET_KEY"):
        async with open_authentication(settings(None), redis, listener):
            pass
