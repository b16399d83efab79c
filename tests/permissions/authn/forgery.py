"""Tokens that nobody should accept, made with everything that an attacker may know, and more."""

import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from beanie import PydanticObjectId
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from permissions.authn.keys import KeyRing
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
        header: Json = {"alg": "EdDSA", "typ": "at+jwt", "kid": self.keys.signer().kid}
        return {name: value for name, value in (header | changes).items() if value is not MISSING}

    def signed(self, header: str, payload: str) -> str:
        """Two segments, with the real key's signature."""
        text = f"{header}.{payload}"
        return f"{text}.{b64(self.keys.signer().private.sign(text.encode()))}"

    def token(self, header: Json | None = None, claims: Json | None = None) -> str:
        """A token, good where nothing was changed."""
        return self.signed(packed(header or self.header()), packed(claims or self.claims()))

    def hmac_with_public_key(self, form: str) -> str:
        """HS256, with the key that everybody can read."""
        public = self.keys.signer().private.public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        secret = {"raw": public.public_bytes_raw(), "pem": pem, "jwk": json.dumps(self.keys.jwks()).encode()}
        text = f"{packed(self.header(alg='HS256'))}.{packed(self.claims())}"
        return f"{text}.{b64(hmac.digest(secret[form], text.encode(), sha256))}"

    def other_key(self, header: Json | None = None) -> str:
        """Signed with a key of the attacker's own."""
        text = f"{packed(header or self.header())}.{packed(self.claims())}"
        return f"{text}.{b64(Ed25519PrivateKey.generate().sign(text.encode()))}"


Attack = Callable[[Forger], str]


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


def _algorithms() -> Iterator[tuple[str, Attack]]:
    for name in ("none", "None", "NONE", "nOnE", "", "HS256", "RS256", "ES256", "eddsa", "Ed25519"):
        yield f"alg {name!r}", with_header(alg=name)
        yield f"alg {name!r}, no signature", unsigned(name)
    for value in (None, 1, True, ["EdDSA"], {"EdDSA": 1}, MISSING):
        yield f"alg {_shown(value)}", with_header(alg=value)
    yield "HS256 with the public key (raw)", lambda forger: forger.hmac_with_public_key("raw")
    yield "HS256 with the public key (PEM)", lambda forger: forger.hmac_with_public_key("pem")
    yield "HS256 with the public key (JWK)", lambda forger: forger.hmac_with_public_key("jwk")


def _headers() -> Iterator[tuple[str, Attack]]:
    injected = ("unknown", "", "../../../etc/passwd", "' OR 1=1 --", "\x00", "a" * 5000, "\ud800")
    for kid in (*injected, None, 7, [], {}, MISSING):
        yield f"kid {_shown(kid)}", with_header(kid=kid)
    for typ in ("JWT", "jwt", "AT+JWT", "application/at+jwt", "refresh+jwt", "", None, 1, ["at+jwt"], MISSING):
        yield f"typ {_shown(typ)}", with_header(typ=typ)
    extras: Json = {
        "crit": ["exp"],
        "b64": False,
        "jku": "https://evil.example/keys",
        "x5u": "https://evil.example/cert",
        "jwk": {"kty": "OKP"},
        "x5c": ["AAAA"],
        "zip": "DEF",
        "cty": "JWT",
        "enc": "A256GCM",
    }
    for name, value in extras.items():
        yield f"header {name}", with_header(**{name: value})
    yield "another key under our kid", lambda forger: forger.other_key()
    brought = {"kty": "OKP", "crv": "Ed25519", "x": b64(bytes(32))}
    yield "another key brought along", lambda forger: forger.other_key(forger.header(jwk=brought))


def _claims() -> Iterator[tuple[str, Attack]]:
    texts = ("", "x", "parley ")
    wrong: tuple[object, ...] = (*texts, None, True, 0, -1, 1.5, 10**30, [], ["parley"], {}, {"$gt": ""}, MISSING)
    for claim in ("iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp"):
        for value in wrong:
            yield f"{claim} {_shown(value)}", with_claims(**{claim: value})
    for claim in ("iat_ms", "auth_time", "auth_time_ms"):
        for value in (*texts, None, True, -1, 1.5, 10**30, [], {}, MISSING):
            yield f"{claim} {_shown(value)}", with_claims(**{claim: value})
    for claim in ("ip", "device"):
        for value in ("", None, True, 0, 1.5, [], {}, "\x00", "a\nb", "\ud800", "x" * 1_000):
            yield f"{claim} {_shown(value)}", with_claims(**{claim: value})
    yield "ip is none", with_claims(ip="192.0.2.256")
    for claim in ("iat_ms", "auth_time_ms"):
        yield f"{claim} of more than a second", with_claims(**{claim: 1_000})
    subjects = ("0" * 23, "G" * 24, "A" * 24, "\N{ARABIC-INDIC DIGIT ZERO}" * 24, "0" * 24 + "\n")
    for subject in subjects:
        yield f"sub {subject!r}", with_claims(sub=subject)
    yield "aud of somebody else", with_claims(aud="somebody-else")
    yield "iss of somebody else", with_claims(iss="https://evil.example")
    yield "sid too short", with_claims(sid="short")
    yield "jti with blanks", with_claims(jti="a b c")


def _times() -> Iterator[tuple[str, Attack]]:
    yield "valid from tomorrow", at(nbf=86_400, exp=86_500)
    yield "issued tomorrow", at(iat=86_400, exp=86_500)
    yield "issued in a minute", at(iat=60)
    yield "lives for a day", at(exp=86_400)
    yield "lives for a hundred years", at(exp=100 * 365 * 86_400)
    yield "issued long ago, good until now", at(iat=-90_000, nbf=-90_000, exp=60)
    yield "of a session that is opened tomorrow", at(auth_time=86_400)
    yield "times as text", with_claims(exp=str(int(time.time()) + 60))
    yield "times as floats", with_claims(exp=float(int(time.time()) + 60))


def _texts() -> Iterator[tuple[str, Attack]]:
    raw: dict[str, bytes] = {
        "null": b"null",
        "number": b"1",
        "list": b"[]",
        "no JSON": b"{",
        "empty": b"",
        "UTF-16": json.dumps({"sub": "x"}).encode("utf-16"),
        "a byte order mark": b"\xef\xbb\xbf{}",
        "broken UTF-8": b'{"sub":"\xff"}',
        "deep": b"[" * 4000,
        "a long number": b'{"exp":' + b"9" * 5000 + b"}",
        "NaN": b'{"exp":NaN}',
        "Infinity": b'{"exp":Infinity}',
        "huge exponent": b'{"exp":1e999}',
    }
    for name, octets in raw.items():
        yield f"payload is {name}", raw_payload(octets)
        yield f"header is {name}", raw_header(octets)
    yield "claim twice", lambda forger: raw_payload(_twice(forger.claims(), "sub"))(forger)
    yield "header twice", lambda forger: raw_header(_twice(forger.header(), "alg"))(forger)
    odd = ("", ".", "..", "...", "a.b.c", "a.b", "a.b.c.d", " ", "\x00", "é.é.é", "\ud800", "Bearer", "=.=.=")
    for value in odd:
        yield f"text {value!r}", text(value)
    yield "8 KB and more", with_claims(padding="x" * 9000)
    yield "a megabyte", text("a" * 1_000_000)
    yield "a megabyte of dots", text("." * 1_000_000)
    yield "JSON serialisation", changed(_json_serialised)
    yield "encrypted form", changed(lambda token: token + ".AAAA.AAAA")


def _signatures() -> Iterator[tuple[str, Attack]]:
    yield "no signature", changed(lambda token: token.rpartition(".")[0] + ".")
    yield "two segments", changed(lambda token: token.rpartition(".")[0])
    yield "padded signature", changed(lambda token: token + "==")
    yield "white space after it", changed(lambda token: token + "\n")
    yield "white space within", changed(lambda token: token.replace(".", ". ", 1))
    yield "stray bits", changed(_stray_bits)
    yield "short signature", changed(lambda token: token[:-8])
    yield "signature of zeros", changed(lambda token: token.rpartition(".")[0] + "." + b64(bytes(64)))
    yield "signature of another token", lambda forger: _swapped(forger.token(), forger.token())
    yield "padded payload", lambda forger: forger.signed(packed(forger.header()), packed(forger.claims()) + "=")
    yield "standard base64", lambda forger: forger.signed(packed(forger.header()), "+/+/")
    yield "flipped at the start", changed(lambda token: _flipped(token, 0))
    yield "flipped in the middle", changed(lambda token: _flipped(token, 40))
    yield "flipped at the end", changed(lambda token: _flipped(token, 84))


def _twice(members: Json, name: str) -> bytes:
    """An object with one key twice; the last, good one is what most parsers see."""
    return json.dumps(members).replace("{", f'{{"{name}": "none", ', 1).encode()


def _json_serialised(token: str) -> str:
    return json.dumps(dict(zip(("protected", "payload", "signature"), token.split("."), strict=True)))


def _swapped(token: str, other: str) -> str:
    return token.rpartition(".")[0] + "." + other.rpartition(".")[2]


def _stray_bits(token: str) -> str:
    """The same 64 bytes for a lenient decoder, in another spelling: 86 characters have four bits to spare."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


def _flipped(token: str, place: int) -> str:
    head, _, signature = token.rpartition(".")
    other = "A" if signature[place] != "A" else "Q"
    return f"{head}.{signature[:place]}{other}{signature[place + 1 :]}"


def _shown(value: object) -> str:
    return "missing" if value is MISSING else repr(value)[:30]


ATTACKS: Final[dict[str, Attack]] = {
    name: attack for group in (_algorithms, _headers, _claims, _times, _texts, _signatures) for name, attack in group()
}
