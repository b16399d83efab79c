"""Attacks on what an algorithm lets pass if it is read carelessly: confused keys, other forms of a signature."""

import hmac
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.permissions.authn.forgery import Attack, Attacks, Forger, b64, packed

ED25519_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def on_keys(algorithm: str) -> Attacks:
    """By name, on a ring whose key is of `algorithm`."""
    for name, secret in _known_to_all(algorithm).items():
        for digest in ("sha256", "sha512"):
            yield f"HMAC ({digest}) with {name}", _hmac(secret, digest)
    for name, form in FORMS[algorithm].items():
        yield f"{algorithm}: {name}", _signed_as(form)


Secret = Callable[[Forger], bytes]
Form = Callable[[Forger, bytes], bytes]


def _known_to_all(algorithm: str) -> Mapping[str, Secret]:
    """What an attacker may take for the secret of an HMAC: all that everybody can read."""
    common: dict[str, Secret] = {
        "nothing": lambda _: b"",
        "a zero": lambda _: bytes(32),
        "the key's id": lambda forger: forger.keys.signer().kid.encode(),
        "the issuer": lambda _: b"parley",
        "the public keys' document": lambda forger: json.dumps(forger.keys.jwks()).encode(),
    }
    if algorithm == "HS256":
        return common
    shown: dict[str, Secret] = {
        "a JWK": lambda forger: json.dumps(_jwk(forger)).encode(),
        "a JWK without blanks": lambda forger: json.dumps(_jwk(forger), separators=(",", ":")).encode(),
        "PEM": lambda forger: _public(forger, Encoding.PEM),
        "PEM without its last line break": lambda forger: _public(forger, Encoding.PEM).strip(),
        "PEM of Windows": lambda forger: _public(forger, Encoding.PEM).replace(b"\n", b"\r\n"),
        "DER": lambda forger: _public(forger, Encoding.DER),
        "DER in base64": lambda forger: b64encode(_public(forger, Encoding.DER)),
    }
    member = {"EdDSA": "x", "ES256": "x", "RS256": "n"}[algorithm]
    shown[f"`{member}` of the JWK"] = lambda forger: _jwk(forger)[member].encode()
    if algorithm == "EdDSA":
        shown["the raw public key"] = lambda forger: _public(forger, Encoding.Raw, PublicFormat.Raw)
    if algorithm == "ES256":
        shown["the point"] = lambda forger: _public(forger, Encoding.X962, PublicFormat.UncompressedPoint)
    if algorithm == "RS256":
        shown["PEM of PKCS 1"] = lambda forger: _public(forger, Encoding.PEM, PublicFormat.PKCS1)
    return common | shown


def _jwk(forger: Forger) -> dict[str, str]:
    return forger.keys.jwks()["keys"][-1]


def _public(forger: Forger, encoding: Encoding, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> bytes:
    private = forger.keys.signer().private
    assert not isinstance(private, bytes)
    return private.public_key().public_bytes(encoding, form)


def _hmac(secret: Secret, digest: str) -> Attack:
    def attack(forger: Forger) -> str:
        alg = {"sha256": "HS256", "sha512": "HS512"}[digest]
        text = f"{packed(forger.header(alg=alg))}.{packed(forger.claims())}"
        return f"{text}.{b64(hmac.digest(secret(forger), text.encode(), digest))}"

    return attack


def _signed_as(form: Form) -> Attack:
    def attack(forger: Forger) -> str:
        text = f"{packed(forger.header())}.{packed(forger.claims())}"
        return f"{text}.{b64(form(forger, text.encode()))}"

    return attack


def _good(forger: Forger, text: bytes) -> bytes:
    return forger.signature(text.decode())


def _larger_s(forger: Forger, text: bytes) -> bytes:
    """The same signature to who does not look whether S is below the order (RFC 8032, 5.1.7)."""
    signature = _good(forger, text)
    return signature[:32] + (int.from_bytes(signature[32:], "little") + ED25519_ORDER).to_bytes(32, "little")


def _der(forger: Forger, text: bytes) -> bytes:
    signature = _good(forger, text)
    return encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))


def _pair(r: int, s: int) -> Form:
    return lambda _, __: r.to_bytes(32) + s.to_bytes(32)


def _ec(forger: Forger, text: bytes) -> bytes:
    private = forger.keys.signer().private
    assert isinstance(private, EllipticCurvePrivateKey)
    return private.sign(text, ECDSA(SHA384()))


def _rsa(forger: Forger) -> RSAPrivateKey:
    private = forger.keys.signer().private
    assert isinstance(private, RSAPrivateKey)
    return private


def _number(of_modulus: Callable[[int], int]) -> Form:
    def form(forger: Forger, _: bytes) -> bytes:
        return of_modulus(_rsa(forger).public_key().public_numbers().n).to_bytes(256)

    return form


def _secret(forger: Forger) -> bytes:
    private = forger.keys.signer().private
    assert isinstance(private, bytes)
    return private


FORMS: Final[Mapping[str, Mapping[str, Form]]] = {
    "EdDSA": {
        "S with the order added": _larger_s,
        "R and S exchanged": lambda forger, text: _good(forger, text)[32:] + _good(forger, text)[:32],
        "the neutral point and S of zero": lambda _, __: bytes([1]) + bytes(63),
        "S of the order": lambda forger, text: _good(forger, text)[:32] + ED25519_ORDER.to_bytes(32, "little"),
        "of the text's digest": lambda forger, text: _good(forger, text[:-1]),
    },
    "ES256": {
        "DER": _der,
        "another digest": _ec,
        "zeros": _pair(0, 0),
        "r of zero": _pair(0, 1),
        "s of zero": _pair(1, 0),
        "ones": _pair(1, 1),
        "the order": _pair(P256_ORDER, P256_ORDER),
        "r of the order": _pair(P256_ORDER, 1),
        "r and s exchanged": lambda forger, text: _good(forger, text)[32:] + _good(forger, text)[:32],
        "a zero before r and s": lambda forger, text: (
            b"\0" + _good(forger, text)[:32] + b"\0" + _good(forger, text)[32:]
        ),
    },
    "RS256": {
        "PSS": lambda forger, text: _rsa(forger).sign(text, PSS(MGF1(SHA256()), 32), SHA256()),
        "another digest": lambda forger, text: _rsa(forger).sign(text, PKCS1v15(), SHA512()),
        "zero": _number(lambda _: 0),
        "one": _number(lambda _: 1),
        "the modulus": _number(lambda n: n),
        "the modulus less one": _number(lambda n: n - 1),
        "a zero before it": lambda forger, text: b"\0" + _good(forger, text),
    },
    "HS256": {
        "sixteen bytes of it": lambda forger, text: _good(forger, text)[:16],
        "one byte of it": lambda forger, text: _good(forger, text)[:1],
        "another digest": lambda forger, text: hmac.digest(_secret(forger), text, "sha512"),
        "in hexadecimal": lambda forger, text: _good(forger, text).hex().encode(),
        "the digest alone": lambda _, text: hmac.digest(b"", text, "sha256"),
    },
}
