"""Refresh tokens: opaque, unguessable, and recognisable as ours without any store."""

import binascii
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from beanie import PydanticObjectId

from permissions.authn.derivation import derive
from permissions.authn.errors import UnauthenticatedError
from permissions.authn.principal import Principal

PREFIX: Final = "prt_"
"""Lets secret scanners find a leaked one."""

_USER, _SESSION, _RANDOM, _MAC = 12, 16, 32, 16
_SIZE: Final = _USER + _SESSION + _RANDOM + _MAC
CHARACTERS: Final = len(PREFIX) + (_SIZE * 8 + 5) // 6
"""Length of a token."""


class RefreshTokens:
    """Makes and reads them. User, session, 256 bits that nobody can guess, and a MAC over all three.

    The MAC tells an old token of ours from an invented one. So no list of used tokens is kept, however often a
    session is refreshed, and who merely knows a session's id can't end it by "replaying" nonsense.
    """

    def __init__(self, secret: str, previous: str | None = None) -> None:
        """`previous` is the secret before `secret`: a family stays with the one that it began with."""
        known = [secret] if previous is None else [secret, previous]
        self._secrets = [
            _Secret(derive(each, "refresh tokens"), derive(each, "refresh token successors")) for each in known
        ]

    def issue(self, principal: Principal) -> str:
        """A new token. Redis learns its digest only."""
        session = urlsafe_b64decode(principal.session_id + "==")
        return self._secrets[0].token(principal.user_id.binary + session, secrets.token_bytes(_RANDOM))

    def successor(self, token: str, steps: int = 1) -> str:
        """What `token` is swapped for; `steps`: what that is swapped for, and so on. `token` must be ours.

        INVARIANT: each token has one successor, whoever asks and however often. So a family never forks, whatever is
        lost on the way to a client or in a store, and none of its tokens needs to be stored.
        """
        for _ in range(steps):
            raw = _bytes(token)
            secret = self._maker(raw) or self._secrets[0]
            token = secret.token(raw[: _USER + _SESSION], hmac.digest(secret.chain, raw, sha256))
        return token

    def read(self, token: str) -> Principal:
        """Whose `token` is. Raise `UnauthenticatedError` unless we made it; it may be used up long since."""
        raw = _bytes(token)
        if self._maker(raw) is None:
            raise UnauthenticatedError("refresh token is not ours")
        body = raw[:-_MAC]
        session = urlsafe_b64encode(body[_USER : _USER + _SESSION]).decode().rstrip("=")
        return Principal(PydanticObjectId(body[:_USER]), session)

    def _maker(self, raw: bytes) -> "_Secret | None":
        return next((each for each in self._secrets if hmac.compare_digest(each.mac(raw[:-_MAC]), raw[-_MAC:])), None)


@dataclass(frozen=True, slots=True)
class _Secret:
    """What one master secret gives: `key` for MACs, `chain` for successors."""

    key: bytes
    chain: bytes

    def token(self, owner: bytes, random: bytes) -> str:
        body = owner + random
        return PREFIX + urlsafe_b64encode(body + self.mac(body)).decode().rstrip("=")

    def mac(self, body: bytes) -> bytes:
        return hmac.digest(self.key, body, sha256)[:_MAC]


def digest(token: str) -> str:
    """What is stored of a token."""
    return sha256(token.encode()).hexdigest()


def _bytes(token: str) -> bytes:
    if len(token) != CHARACTERS or not token.startswith(PREFIX) or not token.isascii():
        raise UnauthenticatedError("refresh token is malformed")
    text = token.removeprefix(PREFIX)
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise UnauthenticatedError("refresh token is malformed") from None
    # One text for one token: no other alphabet, no stray bits.
    if urlsafe_b64encode(raw).decode().rstrip("=") != text:
        raise UnauthenticatedError("refresh token is malformed")
    return raw
