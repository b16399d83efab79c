"""The algorithms by which tokens may be signed, and how a key of each is made and written (RFC 7518, RFC 8037)."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey | bytes
PublicKey = Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey | bytes
"""What verifies; bytes are the secret of a symmetric key, and as good for signing."""

DEFAULT: Final = "EdDSA"
RSA_BITS: Final = 2048
SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Algorithm:
    """Keys as bytes, and back. `public` gives nothing for a symmetric key, and `verifying` is given its secret."""

    generate: Callable[[], bytes]
    private: Callable[[bytes], PrivateKey]
    public: Callable[[bytes], bytes]
    verifying: Callable[[bytes], PublicKey]
    symmetric: bool = False
    """Whether who verifies could sign as well: such a key is shown to nobody."""


def _ed25519_public(raw: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()


def _pkcs8(key: EllipticCurvePrivateKey | RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _spki(key: EllipticCurvePublicKey | RSAPublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _ec_private(raw: bytes) -> EllipticCurvePrivateKey:
    key = load_der_private_key(raw, None)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise TypeError("not an elliptic curve key")
    return key


def _ec_public(raw: bytes) -> EllipticCurvePublicKey:
    key = load_der_public_key(raw)
    if not isinstance(key, EllipticCurvePublicKey):
        raise TypeError("not an elliptic curve key")
    return key


def _rsa_private(raw: bytes) -> RSAPrivateKey:
    key = load_der_private_key(raw, None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("not an RSA key")
    return key


def _rsa_public(raw: bytes) -> RSAPublicKey:
    key = load_der_public_key(raw)
    if not isinstance(key, RSAPublicKey):
        raise TypeError("not an RSA key")
    return key


ALGORITHMS: Final[Mapping[str, Algorithm]] = {
    "EdDSA": Algorithm(
        lambda: Ed25519PrivateKey.generate().private_bytes_raw(),
        Ed25519PrivateKey.from_private_bytes,
        _ed25519_public,
        Ed25519PublicKey.from_public_bytes,
    ),
    "ES256": Algorithm(
        lambda: _pkcs8(generate_private_key(SECP256R1())),
        _ec_private,
        lambda raw: _spki(_ec_private(raw).public_key()),
        _ec_public,
    ),
    "RS256": Algorithm(
        lambda: _pkcs8(generate_rsa(65_537, RSA_BITS)),
        _rsa_private,
        lambda raw: _spki(_rsa_private(raw).public_key()),
        _rsa_public,
    ),
    "HS256": Algorithm(
        lambda: secrets.token_bytes(SECRET_BYTES),
        lambda raw: raw,
        lambda _: b"",
        lambda raw: raw,
        symmetric=True,
    ),
}
