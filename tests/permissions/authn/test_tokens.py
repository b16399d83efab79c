"""Access tokens: ours are read, nobody else's are."""

import time

import pytest

from models.signing_key import SigningKey
from permissions.authn.errors import TokenExpiredError, UnauthenticatedError
from tests.permissions.authn.conftest import Parts
from tests.permissions.authn.forgery import Forger


async def test_a_good_token_of_the_forger_is_accepted(parts: Parts) -> None:
    forger = Forger(parts.keys)
    claims = forger.claims()
    token = await parts.accounts.tokens.verify(forger.token(claims=claims))
    assert str(token.principal.user_id) == claims["sub"]
    assert token.principal.session_id == claims["sid"]
    assert (token.jti, token.issued_at, token.expires_at) == (claims["jti"], claims["iat"], claims["exp"])


async def test_a_token_that_was_read_before_still_expires(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    token = Forger(parts.keys).token()
    await parts.accounts.tokens.verify(token)
    moment = time.time()
    monkeypatch.setattr(time, "time", lambda: moment + 901)
    with pytest.raises(TokenExpiredError):
        await parts.accounts.tokens.verify(token)


async def test_a_token_that_was_read_before_falls_with_its_key(parts: Parts) -> None:
    token = Forger(parts.keys).token()
    await parts.accounts.tokens.verify(token)
    await SigningKey.get_pymongo_collection().delete_one({"_id": parts.keys.signer().kid})
    await parts.keys.load()
    with pytest.raises(UnauthenticatedError):
        await parts.accounts.tokens.verify(token)


async def test_what_merely_looks_like_a_token_that_was_read_is_not_it(parts: Parts) -> None:
    token = Forger(parts.keys).token()
    await parts.accounts.tokens.verify(token)
    for other in (token + "?", token[:-1] + "?", token + "x" * 9000):
        with pytest.raises(UnauthenticatedError):
            await parts.accounts.tokens.verify(other)


@pytest.mark.parametrize("age", [0, 1, 60, 800])
async def test_an_expired_token_says_so(parts: Parts, age: int) -> None:
    forger = Forger(parts.keys)
    expiry = int(time.time()) - age
    token = forger.token(claims=forger.claims(iat=expiry - 900, nbf=expiry - 900, exp=expiry))
    with pytest.raises(TokenExpiredError):
        await parts.accounts.tokens.verify(token)


async def test_only_a_genuine_token_is_told_that_it_expired(parts: Parts) -> None:
    forger = Forger(parts.keys)
    expiry = int(time.time()) - 10
    token = forger.token(claims=forger.claims(iat=expiry - 900, nbf=expiry - 900, exp=expiry))
    with pytest.raises(UnauthenticatedError) as caught:
        await parts.accounts.tokens.verify(token[:-10] + "A" * 10)
    assert type(caught.value) is UnauthenticatedError


async def test_a_clock_a_little_ahead_is_forgiven(parts: Parts) -> None:
    forger = Forger(parts.keys)
    ahead = int(time.time()) + 3
    await parts.accounts.tokens.verify(forger.token(claims=forger.claims(iat=ahead, nbf=ahead, exp=ahead + 900)))
