"""Makes tokens that nobody should accept, with everything that an attacker may know, and more."""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import jwt
from beanie import PydanticObjectId

from permissions.authn.keys import ALGORITHMS, KeyRing
from permissions.authn.principal import new_id

Json = dict[str, Any]
MISSING: Final = object()


def b64(raw: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def packed(value: object) -> str:
    """A JSON segment."""
    return b64(json.dumps(value).encode())


@dataclass(frozen=True, slots=True)
class Forger:
    """Holds the real signing key: what is refused is refused for its content."""

    keys: KeyRing

    def claims(self, **changes: object) -> Json:
        """Good claims, but for `changes`; MISSING takes one out."""
        moment = int(time.time())
        claims: Json = {
            "iss": "parley",
            "aud": "parley",
            "sub": str(PydanticObjectId()),
            "sid": new_id(),
            "jti": new_id(),
            "iat": moment,
            "nbf": moment,
            "exp": moment + 900,
            "iat_ms": 0,
            "auth_time": changes.get("iat", moment),
            "auth_time_ms": 0,
        }
        return {name: value for name, value in (claims | changes).items() if value is not MISSING}

    def header(self, **changes: object) -> Json:
        """A good header, but for `changes`."""
        header: Json = {"alg": self.keys.signer().algorithm, "typ": "at+jwt", "kid": self.keys.signer().kid}
        return {name: value for name, value in (header | changes).items() if value is not MISSING}

    def signature(self, text: str) -> bytes:
        """The real key's."""
        signer = self.keys.signer()
        return jwt.get_algorithm_by_name(signer.algorithm).sign(text.encode(), signer.private)

    def signed(self, header: str, payload: str) -> str:
        """Two segments, with the real key's signature."""
        text = f"{header}.{payload}"
        return f"{text}.{b64(self.signature(text))}"

    def token(self, header: Json | None = None, claims: Json | None = None) -> str:
        """A token, good where nothing was changed."""
        return self.signed(packed(header or self.header()), packed(claims or self.claims()))

    def other_key(self, header: Json | None = None) -> str:
        """Signed with a key of the attacker's own, of the same algorithm."""
        name = self.keys.signer().algorithm
        own = ALGORITHMS[name].private(ALGORITHMS[name].generate())
        text = f"{packed(header or self.header())}.{packed(self.claims())}"
        return f"{text}.{b64(jwt.get_algorithm_by_name(name).sign(text.encode(), own))}"


Attack = Callable[[Forger], str]
Attacks = Iterator[tuple[str, Attack]]


def with_header(**changes: object) -> Attack:
    """A signed token with another header."""
    return lambda forger: forger.token(forger.header(**changes))


def with_claims(**changes: object) -> Attack:
    """A signed token with other claims."""
    return lambda forger: forger.token(claims=forger.claims(**changes))


def at(**offsets: int) -> Attack:
    """Signed, with times so many seconds from now."""
    return lambda forger: with_claims(**{name: int(time.time()) + by for name, by in offsets.items()})(forger)


def text(value: str) -> Attack:
    """Just this."""
    return lambda _: value


def unsigned(algorithm: str) -> Attack:
    """No signature, as the header says."""
    return lambda forger: f"{packed(forger.header(alg=algorithm))}.{packed(forger.claims())}."


def raw_header(raw: bytes) -> Attack:
    """Signed over any bytes."""
    return lambda forger: forger.signed(b64(raw), packed(forger.claims()))


def raw_payload(raw: bytes) -> Attack:
    """Signed over any bytes."""
    return lambda forger: forger.signed(packed(forger.header()), b64(raw))


def changed(change: Callable[[str], str]) -> Attack:
    """A good token, changed afterwards."""
    return lambda forger: change(forger.token())


def shown(value: object) -> str:
    """As a name has it."""
    text = "missing" if value is MISSING else repr(value)
    return text if len(text) <= 40 else f"{text[:20]}… ({len(text)})"
