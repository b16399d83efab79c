"""Cursors that tell nothing: sealed, and good for nobody and nothing but whom and what they were made for."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from resolvers.errors import BadInputError

NONCE: Final = 12
LONGEST: Final = 1_000
"""Characters of a cursor."""


class CursorSeal:
    """With a key of 32 bytes, which all workers have."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, about: bytes) -> str:
        """A cursor that only `opened`, with the same `about`, can read."""
        nonce = secrets.token_bytes(NONCE)
        return urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, plain, about)).decode().rstrip("=")

    def opened(self, cursor: str, about: bytes, field: str) -> bytes:
        """What was sealed. Raises `BadInputError` for anything else."""
        try:
            sealed = urlsafe_b64decode(cursor[:LONGEST] + "=" * (-len(cursor[:LONGEST]) % 4))
            return self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], about)
        except (ValueError, InvalidTag):
            raise BadInputError(field, "is not a cursor of this list") from None
