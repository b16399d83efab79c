"""The ring of signing keys: made once, kept encrypted in the database, held in memory by each worker."""

import asyncio
import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pymongo.errors import DuplicateKeyError

from models.clock import now
from models.signing_key import SigningKey
from permissions.authn.availability import answering
from permissions.authn.derivation import derive
from permissions.authn.errors import KeyRingError

ALGORITHM: Final = "EdDSA"
RELOAD_SECONDS: Final = 1.0
"""Least time between two reloads for unknown key ids: forged tokens can't make the database work more."""
NONCE_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key, and the one algorithm that it may be used with."""

    kid: str
    algorithm: str
    public: Ed25519PublicKey

    def jwk(self) -> dict[str, str]:
        """RFC 8037."""
        x = urlsafe_b64encode(self.public.public_bytes_raw()).rstrip(b"=").decode()
        return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.kid, "alg": self.algorithm, "use": "sig"}


@dataclass(frozen=True, slots=True)
class SignerKey:
    """The private key that signs at present."""

    kid: str
    algorithm: str
    private: Ed25519PrivateKey


class KeyRing:
    """Every worker has one. `ensure` or `load` it before use."""

    def __init__(self, secret: str) -> None:
        self._vault = AESGCM(derive(secret, "signing keys"))
        self._naming = derive(secret, "key ids")
        self._verifying: dict[str, VerifyingKey] = {}
        self._signing: SignerKey | None = None
        self._reloaded = float("-inf")
        self._reloading = asyncio.Lock()

    async def ensure(self) -> None:
        """Load the ring; make its first key where there is none.

        The first key's id follows from the secret, so of several starting processes the database lets one
        insert it, and the others use that one.
        """
        await self.load()
        if self._signing is None:
            await self._insert(self._first_id())
            await self.load()

    async def load(self) -> None:
        """Read all keys. Raise `KeyRingError` if the newest was encrypted with another secret."""
        self._reloaded = time.monotonic()
        async with answering("MongoDB"):
            stored = await SigningKey.find_all().to_list()
        self._verifying = {key.id: _verifying(key) for key in stored}
        signing = [key for key in stored if key.retired_at is None]
        self._signing = self._open(max(signing, key=lambda key: key.created_at)) if signing else None

    def signer(self) -> SignerKey:
        """The key to sign with now."""
        if self._signing is None:
            raise KeyRingError("there is no signing key: the ring has not been loaded")
        return self._signing

    async def find(self, kid: str) -> VerifyingKey | None:
        """The key `kid`; an unknown one is looked for in the database, at most once in `RELOAD_SECONDS`."""
        if kid not in self._verifying:
            async with self._reloading:
                if kid not in self._verifying and time.monotonic() - self._reloaded >= RELOAD_SECONDS:
                    await self.load()
        return self._verifying.get(kid)

    def holds(self, kid: str) -> bool:
        """Whether tokens of this key are still good."""
        return kid in self._verifying

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public keys, for whoever verifies tokens without us (RFC 7517)."""
        return {"keys": [key.jwk() for key in self._verifying.values()]}

    def _first_id(self) -> str:
        return urlsafe_b64encode(hmac.digest(self._naming, b"first", sha256)[:12]).decode()

    async def _insert(self, kid: str) -> None:
        private = Ed25519PrivateKey.generate()
        key = SigningKey(
            id=kid,
            algorithm=ALGORITHM,
            public_key=private.public_key().public_bytes_raw(),
            encrypted_private_key=self._seal(kid, private),
            created_at=now(),
        )
        async with answering("MongoDB"):
            with suppress(DuplicateKeyError):  # another process was quicker
                await key.insert()

    def _seal(self, kid: str, private: Ed25519PrivateKey) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._vault.encrypt(nonce, private.private_bytes_raw(), _bound(kid))

    def _open(self, key: SigningKey) -> SignerKey:
        sealed = key.encrypted_private_key
        try:
            raw = self._vault.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound(key.id))
        except InvalidTag as error:
            raise KeyRingError(
                "the signing key was stored under another PARLEY_SECRET_KEY: set that one again"
            ) from error
        return SignerKey(key.id, key.algorithm, Ed25519PrivateKey.from_private_bytes(raw))


def _verifying(key: SigningKey) -> VerifyingKey:
    return VerifyingKey(key.id, key.algorithm, Ed25519PublicKey.from_public_bytes(key.public_key))


def _bound(kid: str) -> bytes:
    """What the ciphertext belongs to: it can't be moved to another key's record."""
    return f"{ALGORITHM} {kid}".encode()
