"""Accounts."""

from datetime import datetime
from typing import Any

from beanie import Document, PydanticObjectId
from pydantic import Field

from models.eager import eager


def email_key(email: str) -> str:
    """The form by which an address is unique and found: trimmed, case folded (embedded stores have no collation)."""
    return email.strip().casefold()


def name_key(display_name: str) -> str:
    """The form by which a name is found: trimmed, case folded."""
    return display_name.strip().casefold()


@eager
class User(Document):
    """A person or service that signs in. `attributes` are what policies look at (region, clearance, …).

    A service has a name where a person has an address, and a secret, of which `client_secret` is the digest.
    """

    id: PydanticObjectId = Field(default_factory=PydanticObjectId)
    email: str
    email_key: str
    display_name: str
    name_key: str
    password_hash: str
    password_changed_at: datetime | None = None
    """When somebody last chose it, or had it replaced; not when it was hashed anew."""
    password_expires_at: datetime | None = None
    """A password for one time only: until when it is good."""
    must_change_password: bool = False
    """It is good for one thing: to choose another."""
    client_secret: str | None = None
    attributes: dict[str, Any] = {}
    disabled: bool = False
    created_at: datetime

    class Settings:
        name = "users"
