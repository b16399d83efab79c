"""What follows from `PARLEY_SECRET_KEY`: the sealing of private keys, and key ids that are known to be ours."""

import hmac
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from permissions.authn.derivation import derive
from permissions.authn.errors import KeyRingError

NONCE_BYTES: Final = 12
NAME_CHARACTERS: Final = 12
TAG_CHARACTERS: Final = 8


class Vault:
    """Seals with `secret`; opens what was sealed with it or with `previous`, the secret before it."""

    def __init__(self, secret: str, previous: str | None = None) -> None:
        known = [secret] if previous is None else [secret, previous]
        self._ciphers = [AESGCM(derive(each, "signing keys")) for each in known]
        self._naming = [derive(each, "key ids") for each in known]

    def seal(self, kid: str, algorithm: str, private: bytes) -> bytes:
        """Bytes that say nothing without the secret, and can't be moved to another key's record."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._ciphers[0].encrypt(nonce, private, _bound(kid, algorithm))

    def open(self, kid: str, algorithm: str, sealed: bytes) -> bytes:
        """The private key. Raise `KeyRingError` where another secret sealed it."""
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound(kid, algorithm))
            except (InvalidTag, ValueError):
                continue
        raise KeyRingError("the signing key was stored under another PARLEY_SECRET_KEY: set that one again")

    def resealed(self, kid: str, algorithm: str, sealed: bytes) -> bytes | None:
        """The same key sealed with the present secret; None where it is already."""
        try:
            self._ciphers[0].decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound(kid, algorithm))
        except InvalidTag:
            return self.seal(kid, algorithm, self.open(kid, algorithm, sealed))
        return None

    def new_id(self) -> str:
        """A random key id with a tag."""
        name = secrets.token_urlsafe(NAME_CHARACTERS)[:NAME_CHARACTERS]
        return name + _tag(self._naming[0], name).decode()

    def made(self, kid: str) -> bool:
        """Whether `kid` is a key id of ours: an invented one is known without asking the database."""
        name, tag = kid[:NAME_CHARACTERS], kid[NAME_CHARACTERS:]
        return any(hmac.compare_digest(_tag(naming, name), tag.encode(errors="replace")) for naming in self._naming)


def _bound(kid: str, algorithm: str) -> bytes:
    return f"{algorithm} {kid}".encode()


def _tag(naming: bytes, name: str) -> bytes:
    mac = hmac.digest(naming, name.encode(errors="replace"), sha256)
    return urlsafe_b64encode(mac)[:TAG_CHARACTERS]
