"""Who is asking, and from where."""

import secrets
from dataclasses import dataclass

from beanie import PydanticObjectId


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in caller. Roles and attributes are never in the token: the permission store has them."""

    user_id: PydanticObjectId
    session_id: str


@dataclass(frozen=True, slots=True)
class Client:
    """The other end of a request, as far as it is known."""

    ip: str | None = None
    user_agent: str | None = None
    request_id: str = ""


def new_id() -> str:
    """128 random bits in 22 characters: the form of session ids and of `jti`."""
    return secrets.token_urlsafe(16)
