"""Access tokens: signed claims of minutes, as RFC 9068 shapes them and RFC 8725 wants them checked."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, NamedTuple

import jwt
from beanie import PydanticObjectId

from permissions.authn.compact import MAX_TOKEN_CHARACTERS, parse
from permissions.authn.errors import TokenExpiredError, TokenRevokedError, UnauthenticatedError
from permissions.authn.keys import ALGORITHMS, KeyRing, VerifyingKey
from permissions.authn.principal import Principal, new_id
from permissions.authn.revocation.addresses import read_address
from permissions.authn.revocation.judged import Judged, addresses_of
from permissions.authn.sessions import Session

TYPE: Final = "at+jwt"
CLOCK_SKEW_SECONDS: Final = 5
"""How far another machine's clock may be ahead of ours. An expiry gets no such grace."""

MAX_LIFETIME_SECONDS: Final = 3600
"""The longest life that settings allow; what claims more is refused. A worker whose own setting is shorter takes
others' tokens for no longer than it would have given them: the rules that it makes live no longer either."""
DEVICE_CHARACTERS: Final = 200
MAX_ADDRESS_CHARACTERS: Final = 100

KEY_REVOKED: Final = "key_revoked"
"""The reason for whoever holds a token of a key that was taken back. His session goes on: a refresh helps."""

REMEMBERED: Final = 10_000
"""Tokens whose signature need not be checked again, by digest. Their session is asked after all the same."""

_JWS: Final = jwt.PyJWS(algorithms=list(ALGORITHMS))
_HEADER: Final = frozenset({"alg", "typ", "kid"})
_KID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_SUB: Final = re.compile(r"[0-9a-f]{24}", re.ASCII)
_ID: Final = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """The verified content of a token. Times in seconds since 1970."""

    principal: Principal
    jti: str
    kid: str
    issued_at: int
    expires_at: int
    auth_time: int
    """When the session was opened."""
    ip: str | None
    """The address that it was issued to."""
    device: str | None
    """What the session's device is called."""
    judged: Judged = field(repr=False)
    """What revocations look at."""

    def circumstances(self) -> dict[str, Any]:
        """What conditions read as `env.device` (the client's own words) and `env.session_age` (seconds)."""
        known: dict[str, Any] = {"session_age": max(0, int(time.time()) - self.auth_time)}
        if self.device is not None:
            known["device"] = self.device
        return known


class Tokens:
    """Issues and verifies the access tokens of one issuer for one audience; `lifetime` in seconds."""

    def __init__(self, keys: KeyRing, *, issuer: str, audience: str, lifetime: int) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self.lifetime = lifetime
        self._verified: dict[bytes, AccessToken] = {}

    async def prepare(self) -> None:
        """Before `issue`: see to it that no key signs that was retired more than a second ago."""
        await self._keys.freshen()

    def issue(self, session: Session) -> str:
        """A token for `session`, as it is used now, signed with the present key."""
        key, (moment, moment_ms) = self._keys.signer(), divmod(time.time_ns() // 1_000_000, 1_000)
        opened, opened_ms = divmod(round(session.created_at.timestamp() * 1_000), 1_000)
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(session.user_id),
            "sid": session.id,
            "jti": new_id(),
            "iat": moment,
            "iat_ms": moment_ms,
            "nbf": moment,
            "exp": moment + self.lifetime,
            "auth_time": opened,
            "auth_time_ms": opened_ms,
        }
        if session.ip and read_address(session.ip):
            claims["ip"] = session.ip
        if session.device:
            claims["device"] = session.device
        return jwt.encode(claims, key.private, key.algorithm, {"typ": TYPE, "kid": key.kid})

    async def verify(self, token: str) -> AccessToken:
        """What `token` says. Raise `TokenExpiredError` if genuine but old, else `UnauthenticatedError`."""
        return self.known(token) or self._remembered(_digest(token), await self._verify(token))

    def known(self, token: str) -> AccessToken | None:
        """What `token` says, if its signature was checked before and it is still good."""
        known = self._verified.get(_digest(token))
        if known is not None and known.expires_at > time.time() and self._keys.holds(known.kid):
            return known
        return None

    async def _verify(self, token: str) -> AccessToken:
        compact = parse(token)
        key = await self._key(compact.header)
        _require_signature(token, key)
        return self._checked(compact.payload, key.kid)

    def _remembered(self, name: bytes, token: AccessToken) -> AccessToken:
        self._verified[name] = token
        if len(self._verified) > REMEMBERED:
            del self._verified[next(iter(self._verified))]
        return token

    async def _key(self, header: Mapping[str, Any]) -> VerifyingKey:
        # No other parameter is known: not `crit`, and none that brings a key along (`jwk`, `jku`, `x5u`).
        if header.keys() != _HEADER or header["typ"] != TYPE:
            raise UnauthenticatedError("token is of another type")
        kid = header["kid"]
        key = await self._keys.find(kid) if _has_form(kid, _KID) else None
        # The algorithm is the key's: the token has no say.
        if key is None or header["alg"] != key.algorithm:
            raise UnauthenticatedError("token is signed with an unknown key")
        if key.revoked:  # whether the token is genuine can't be told any more, and doesn't matter
            raise TokenRevokedError(KEY_REVOKED)
        return key

    def _checked(self, claims: Mapping[str, Any], kid: str) -> AccessToken:
        if claims.get("iss") != self._issuer or claims.get("aud") != self._audience:
            raise UnauthenticatedError("token is for somebody else")
        subject, session, jti = (claims.get(name) for name in ("sub", "sid", "jti"))
        if not (_has_form(subject, _SUB) and _has_form(session, _ID) and _has_form(jti, _ID)):
            raise UnauthenticatedError("token names nobody")
        times = _times(claims, self.lifetime)
        ip, device = _text(claims, "ip", MAX_ADDRESS_CHARACTERS), _text(claims, "device", DEVICE_CHARACTERS)
        if ip is not None and read_address(ip) is None:
            raise UnauthenticatedError("token has an odd `ip`")
        principal = Principal(PydanticObjectId(subject), str(session))
        judged = Judged(
            session_id=principal.session_id,
            user_id=principal.user_id,
            opened=times.opened * 1_000 + _milliseconds(claims.get("auth_time_ms")),
            addresses=addresses_of(ip),
            device=device,
            jti=str(jti),
            key_id=kid,
            issued=times.issued * 1_000 + _milliseconds(claims.get("iat_ms")),
        )
        return AccessToken(principal, str(jti), kid, times.issued, times.expires, times.opened, ip, device, judged)


class _Times(NamedTuple):
    issued: int
    expires: int
    opened: int


def _times(claims: Mapping[str, Any], lifetime: int) -> _Times:
    issued, not_before, expires, opened = (_seconds(claims.get(name)) for name in ("iat", "nbf", "exp", "auth_time"))
    moment = time.time()
    if max(issued, not_before) > moment + CLOCK_SKEW_SECONDS:
        raise UnauthenticatedError("token is not valid yet")
    if opened > issued + CLOCK_SKEW_SECONDS:
        raise UnauthenticatedError("token is older than its session")
    if expires <= max(issued, not_before):
        raise UnauthenticatedError("token ends before it begins")
    if expires - issued > MAX_LIFETIME_SECONDS:
        raise UnauthenticatedError("token lives too long")
    expires = min(expires, issued + lifetime)
    if expires <= moment:
        raise TokenExpiredError
    return _Times(issued, expires, opened)


def _digest(token: str) -> bytes:
    return sha256(token[: MAX_TOKEN_CHARACTERS + 1].encode(errors="replace")).digest()


def _require_signature(token: str, key: VerifyingKey) -> None:
    try:
        _JWS.decode(token, key.public, algorithms=[key.algorithm])
    except jwt.InvalidTokenError:
        raise UnauthenticatedError("token has a false signature") from None


def _has_form(value: object, form: re.Pattern[str]) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None


def _seconds(value: object) -> int:
    # `type`, not `isinstance`: JSON's true is an int to Python.
    if type(value) is not int or not 0 < value < 2**53:
        raise UnauthenticatedError("token has no usable times")
    return value


def _milliseconds(value: object) -> int:
    """The part of a moment that its seconds leave out."""
    if type(value) is not int or not 0 <= value < 1_000:
        raise UnauthenticatedError("token has no usable times")
    return value


def _text(claims: Mapping[str, Any], name: str, longest: int) -> str | None:
    if name not in claims:
        return None
    value = claims[name]
    if not isinstance(value, str) or not 0 < len(value) <= longest or not value.isprintable():
        raise UnauthenticatedError(f"token has an odd `{name}`")
    return value
