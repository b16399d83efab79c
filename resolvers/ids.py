"""Global ids: opaque to clients, and each says what it is the id of (Relay's object identification)."""

import re
from base64 import urlsafe_b64decode
from binascii import b2a_base64
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

import strawberry
from beanie import PydanticObjectId

from models.tree import Address
from models.tree.address import is_branch
from resolvers.errors import BadInputError

MAX_LENGTH: Final = 120
MAX_DIGITS: Final = 16
_SHAPE: Final = re.compile(r"[A-Za-z]{1,30}(:[A-Za-z0-9._-]{1,64}){1,3}")
_OBJECT_ID: Final = re.compile(r"[0-9a-f]{24}")
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


@dataclass(frozen=True, slots=True)
class GlobalId:
    """`kind` is the type's name; `parts` find the object."""

    kind: str
    parts: tuple[str, ...]

    def __str__(self) -> str:
        return _encoded(":".join((self.kind, *self.parts)))

    @classmethod
    def parse(cls, text: str, field: str = "id") -> Self:
        """Read an id. Each object has one spelling; others are refused. Raises `BadInputError` naming `field`."""
        try:
            plain = urlsafe_b64decode(text[:MAX_LENGTH] + "=" * (-len(text) % 4)).decode("ascii")
        except ValueError:
            raise BadInputError(field, "is not an id of this server") from None
        kind, *parts = plain.split(":")
        read = cls(kind, tuple(parts))
        if not _SHAPE.fullmatch(plain) or str(read) != text:
            raise BadInputError(field, "is not an id of this server")
        return read

    def require(self, kind: str, parts: int, field: str) -> tuple[str, ...]:
        """The parts, if this is an id of `kind`. Raises `BadInputError`."""
        if self.kind != kind or len(self.parts) != parts:
            raise BadInputError(field, f"is not the id of a {kind}")
        return self.parts


def encode(kind: str, *parts: object) -> str:
    """The global id of the `kind` that `parts` find."""
    return _encoded(":".join((kind, *map(str, parts))))


def object_id(text: str, kind: str, field: str = "id") -> PydanticObjectId:
    """The document's id in the global id of a `kind`. Raises `BadInputError`."""
    (part,) = GlobalId.parse(text, field).require(kind, 1, field)
    return as_object_id(part, kind, field)


def understood(value: object) -> object:
    """A user's global id becomes the id that is stored, as conditions compare it (`owner_id` with `user.id`)."""
    if not isinstance(value, str):
        return value
    try:
        return object_id(value, "User")
    except BadInputError:
        return value


def as_object_id(part: str, kind: str, field: str) -> PydanticObjectId:
    """A document's id, from a part of a global id."""
    if not _OBJECT_ID.fullmatch(part):
        raise BadInputError(field, f"is not the id of a {kind}")
    return PydanticObjectId(part)


def message_id(conversation_id: PydanticObjectId, address: Address) -> strawberry.ID:
    """A message's global id is its address: it is found without an index entry of its own."""
    return strawberry.ID(message_beginning(conversation_id) + place_in_id(address))


def message_beginning(conversation_id: PydanticObjectId) -> str:
    """How the ids of its messages begin: 33 characters, which are 44 of each, so that many are encoded once."""
    return _encoded(f"Message:{conversation_id}:")


@lru_cache(maxsize=8192)
def place_in_id(address: Address) -> str:
    """How a message's id ends. Nearly all are of `main`, and the same in every conversation."""
    return _encoded(str(address))


def message_address(text: str, field: str = "id") -> tuple[PydanticObjectId, Address]:
    """The conversation and the address in a message's global id."""
    conversation, address = GlobalId.parse(text, field).require("Message", 2, field)
    try:
        return as_object_id(conversation, "Message", field), Address.parse(address)
    except ValueError:
        raise BadInputError(field, "is not the id of a Message") from None


def branch_id(conversation_id: PydanticObjectId, branch: str) -> str:
    """A branch's global id."""
    return encode("Branch", conversation_id, branch)


def branch_name(text: str, field: str = "id") -> tuple[PydanticObjectId, str]:
    """The conversation and the branch in a branch's global id."""
    conversation, branch = GlobalId.parse(text, field).require("Branch", 2, field)
    if not is_branch(branch):
        raise BadInputError(field, "is not the id of a Branch")
    return as_object_id(conversation, "Branch", field), branch


def permissions_token(revision: int) -> str:
    """What a change of permissions gives its client, to be sent with what has to be decided after it."""
    return encode("Permissions", revision)


def revision_of(token: str, field: str) -> int:
    """The revision in such a token. Raises `BadInputError`."""
    (part,) = GlobalId.parse(token, field).require("Permissions", 1, field)
    if not (part.isdecimal() and len(part) < MAX_DIGITS):
        raise BadInputError(field, "is not a token that a change of permissions gave")
    return int(part)


def _encoded(text: str) -> str:
    return b2a_base64(text.encode(), newline=False).translate(_URL_SAFE, b"=").decode()
