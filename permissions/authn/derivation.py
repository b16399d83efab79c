"""Keys for separate purposes, from the one secret that the environment holds."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def derive(secret: str, purpose: str) -> bytes:
    """32 bytes that tell nothing about the secret or about another purpose's bytes (HKDF, RFC 5869)."""
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"parley {purpose}".encode())
    return hkdf.derive(secret.encode())
