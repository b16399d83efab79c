"""Keys that sign access tokens; the private half is encrypted before it comes here."""

from datetime import datetime

from beanie import Document


class SigningKey(Document):
    """A key and its place in the ring. The id is the `kid` of the tokens that it signs.

    The key with the highest number signs. The others verify until the last of their tokens has expired: a key was
    retired when its successor was made, so that making one is a single write, which happens or doesn't.
    """

    id: str  # type: ignore[assignment]  # Beanie's ids may be of any type
    number: int
    """Counts from 1; unique, so that of many who make the next key one does."""
    algorithm: str
    public_key: bytes = b""
    """Nothing for a symmetric key."""
    encrypted_private_key: bytes = b""
    """Nothing once it is not needed any more."""
    token_seconds: int = 3600
    """The longest life of a token that any worker gives with this key."""
    created_at: datetime
    revoked_at: datetime | None = None
    """From this moment on its tokens are refused, and the key itself is not kept."""

    class Settings:
        name = "signing_keys"
