"""Keys that sign access tokens; the private half is encrypted before it comes here."""

from datetime import datetime

from beanie import Document


class SigningKey(Document):
    """An Ed25519 key pair. The id is the `kid` of the tokens that it signs."""

    id: str  # type: ignore[assignment]  # Beanie's ids may be of any type
    algorithm: str
    public_key: bytes
    encrypted_private_key: bytes
    created_at: datetime
    retired_at: datetime | None = None
    """After this moment the key signs nothing; it verifies until the last of its tokens has expired."""

    class Settings:
        name = "signing_keys"
