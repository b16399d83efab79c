"""The ring as a worker holds it: which key signs, which ones verify, and which are refused."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import jwt

from models.clock import now
from models.signing_key import SigningKey
from permissions.authn.availability import answering
from permissions.authn.errors import KeyRingError
from permissions.authn.keys import storage
from permissions.authn.keys.algorithms import ALGORITHMS, DEFAULT, PrivateKey, PublicKey
from permissions.authn.keys.lives import Life, Use, lives
from permissions.authn.keys.vault import Vault

RELOAD_SECONDS: Final = 1.0
"""Least time between two looks for the same key id that isn't there."""
FRESH_SECONDS: Final = 1.0
"""How old what is known may be where something is signed with it."""
ABSENT: Final = 64
"""Ids of ours that are known to be gone: their keys were dropped."""


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key, and the one algorithm that it may be used with. The tokens of a revoked one are refused."""

    kid: str
    algorithm: str
    public: PublicKey
    revoked: bool = False

    def jwk(self) -> dict[str, str]:
        """RFC 7517; only of keys that have a public half."""
        if _symmetric(self):
            raise KeyRingError("a symmetric key is shown to nobody")
        members = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.public, as_dict=True)
        members.pop("key_ops", None)  # `use` says it, and only one of them should (RFC 7517, 4.3)
        return {**members, "kid": self.kid, "alg": self.algorithm, "use": "sig"}


@dataclass(frozen=True, slots=True)
class SignerKey:
    """The private key that signs at present."""

    kid: str
    algorithm: str
    private: PrivateKey


class KeyRing:
    """Every worker has one. `ensure` or `load` it before use, and `load` it again and again.

    New keys are of `algorithm`; `token_seconds` is the life of the tokens that this worker gives. `previous` is the
    secret that was used before `secret`.
    """

    def __init__(
        self, secret: str, *, algorithm: str = DEFAULT, token_seconds: int = 3600, previous: str | None = None
    ) -> None:
        self.vault: Final = Vault(secret, previous)
        self.algorithm: Final = algorithm
        self.token_seconds: Final = token_seconds
        self._lives: list[Life] = []
        self._verifying: dict[str, VerifyingKey] = {}
        self._signing: SignerKey | None = None
        self._fault: KeyRingError | None = None
        self._absent: dict[str, float] = {}
        self._read = float("-inf")
        self._loading = asyncio.Lock()

    async def ensure(self) -> None:
        """Load the ring; make its first key where there is none.

        Of several starting processes one makes it, and the others use that one. Raise `KeyRingError` if the newest key
        was encrypted with another secret.
        """
        await self.load()
        if self.newest is None:
            await storage.insert(await self._made(1))
            await self.load()
        self.signer()
        await self.tidy()

    async def load(self) -> None:
        """Read all keys. What can't be used is told when it is asked for."""
        async with self._loading:
            await self._load()

    async def freshen(self) -> None:
        """Know which key signs as of now: the process may have been stopped, or its look at the ring have failed."""
        async with self._loading:
            if time.monotonic() - self._read >= FRESH_SECONDS:
                await self._load()

    async def rotate(self, expected: int, *, revoke: bool = False) -> bool:
        """Make the key that follows number `expected`, which signs from now on; with `revoke`, end all older ones.

        False where somebody else made it at the same time, and that one counts.
        """
        made = await storage.insert(await self._made(expected + 1))
        await self.load()
        if revoke:
            for life in self._lives[:-1]:
                await storage.revoke(life.key.id, now())
            await self.load()
        return made

    async def tidy(self) -> None:
        """Drop keys whose tokens have all expired, and private keys that won't sign again; say how long tokens of
        this worker live. Each worker may, at any time.
        """
        newest = self.newest
        if newest is not None and newest.token_seconds < self.token_seconds:
            await storage.lengthen(newest.id, self.token_seconds)
        for life in self._lives:
            if life.use is Use.OVER:
                await storage.drop(life.key.id)
            elif life.use is Use.VERIFIES and life.key.encrypted_private_key and not _symmetric(life.key):
                await storage.wipe(life.key.id)

    async def reseal(self) -> int:
        """Encrypt with the present secret what the previous one sealed; how many keys that were."""
        await self.load()
        number = 0
        for life in self._lives:
            key = life.key
            if key.encrypted_private_key:
                sealed = self.vault.resealed(key.id, key.algorithm, key.encrypted_private_key)
                if sealed is not None:
                    number += await storage.replace_sealed(key.id, key.encrypted_private_key, sealed)
        await self.load()
        return number

    @property
    def newest(self) -> SigningKey | None:
        """The key that signs, as it is stored."""
        return self._lives[-1].key if self._lives else None

    @property
    def lives(self) -> Sequence[Life]:
        """All keys, the one that signs last."""
        return self._lives

    def signer(self) -> SignerKey:
        """The key to sign with now."""
        if self._fault is not None:
            raise self._fault
        if self._signing is None:
            raise KeyRingError("there is no signing key: the ring has not been loaded")
        return self._signing

    async def find(self, kid: str) -> VerifyingKey | None:
        """The key `kid`. One that isn't known, and whose id is ours, is looked for in the database.

        Nobody else can make such an id, so invented ones cost the database nothing; those of dropped keys, which
        people have seen, cost it one look in `RELOAD_SECONDS`.
        """
        if kid not in self._verifying and self.vault.made(kid):
            async with self._loading:
                if kid not in self._verifying and self._may_look(kid):
                    await self._load()
        return self._verifying.get(kid)

    def holds(self, kid: str) -> bool:
        """Whether tokens of this key are still good."""
        key = self._verifying.get(kid)
        return key is not None and not key.revoked

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public keys, for whoever verifies tokens without us (RFC 7517)."""
        shown = [key for key in self._verifying.values() if not key.revoked and not _symmetric(key)]
        return {"keys": [key.jwk() for key in shown]}

    def _may_look(self, kid: str) -> bool:
        moment = time.monotonic()
        if moment - self._absent.get(kid, float("-inf")) < RELOAD_SECONDS:
            return False
        if len(self._absent) >= ABSENT:
            self._absent.clear()
        self._absent[kid] = moment
        return True

    async def _load(self) -> None:
        asked = time.monotonic()
        async with answering("MongoDB"):
            # Past Beanie's queries, which take twice as long: all workers read it twice a second.
            found = SigningKey.get_pymongo_collection().find({})
            stored = [SigningKey.model_validate(record) async for record in found]
        self._lives = lives(stored, now())
        keys = (self._verifying_key(life) for life in self._lives if life.use is not Use.OVER)
        verifying = {key.kid: key for key in keys if key is not None}
        signing, fault = None, None
        if self._lives:
            try:
                signing = self._signer_key(self._lives[-1].key)
            except KeyRingError as error:
                fault = error
        self._verifying, self._signing, self._fault, self._read = verifying, signing, fault, asked

    def _verifying_key(self, life: Life) -> VerifyingKey | None:
        key, known = life.key, self._verifying.get(life.key.id)
        if life.use is Use.REVOKED:
            return VerifyingKey(key.id, key.algorithm, b"", revoked=True)
        if known is not None and not known.revoked:
            return known
        try:
            written = self._opened(key) if _symmetric(key) else key.public_key
        except KeyRingError:
            return None  # that tokens of it are refused here is the best that is left
        return VerifyingKey(key.id, key.algorithm, ALGORITHMS[key.algorithm].verifying(written))

    def _signer_key(self, key: SigningKey) -> SignerKey:
        if self._signing is not None and self._signing.kid == key.id:
            return self._signing
        return SignerKey(key.id, key.algorithm, ALGORITHMS[key.algorithm].private(self._opened(key)))

    def _opened(self, key: SigningKey) -> bytes:
        return self.vault.open(key.id, key.algorithm, key.encrypted_private_key)

    async def _made(self, number: int) -> SigningKey:
        algorithm = ALGORITHMS[self.algorithm]
        # Making an RSA key takes a good part of a second: not on the loop.
        private = await asyncio.to_thread(algorithm.generate)
        kid = self.vault.new_id()
        return SigningKey(
            id=kid,
            number=number,
            algorithm=self.algorithm,
            public_key=algorithm.public(private),
            encrypted_private_key=self.vault.seal(kid, self.algorithm, private),
            token_seconds=self.token_seconds,
            created_at=now(),
        )


def _symmetric(key: SigningKey | VerifyingKey) -> bool:
    return ALGORITHMS[key.algorithm].symmetric
