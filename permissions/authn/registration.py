"""New accounts."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pymongo.errors import DuplicateKeyError

from models.clock import now
from models.user import User, email_key, name_key
from permissions.authn.availability import answering
from permissions.authn.errors import DisplayNameError, EmailTakenError, InvalidEmailError
from permissions.authn.passwords import Passwords

MAX_EMAIL_CHARACTERS: Final = 320
MAX_NAME_CHARACTERS: Final = 200
_EMAIL: Final = re.compile(r"[^@\s\x00-\x1f\x7f\ud800-\udfff]+@[^@\s\x00-\x1f\x7f\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class NewUser:
    """What a new account starts with. `attributes` are what policies look at.

    With `must_change_password` the password is good for choosing another, until `password_expires_at` if that is given.
    """

    email: str
    display_name: str
    password: str = field(repr=False)
    attributes: dict[str, Any] = field(default_factory=dict)
    must_change_password: bool = False
    password_expires_at: datetime | None = None


async def register(passwords: Passwords, new: NewUser) -> User:
    """Make the account. Raise `InvalidEmailError`, `DisplayNameError`, `WeakPasswordError` or `EmailTakenError`."""
    email = new.email.strip()
    if len(email) > MAX_EMAIL_CHARACTERS or _EMAIL.fullmatch(email) is None:
        raise InvalidEmailError
    name = new.display_name.strip()
    if not (name and name.isprintable() and len(name) <= MAX_NAME_CHARACTERS):
        raise DisplayNameError(MAX_NAME_CHARACTERS)
    moment = now()
    user = User(
        email=email,
        email_key=email_key(email),
        display_name=name,
        name_key=name_key(name),
        password_hash=await passwords.hash(new.password),
        password_changed_at=moment,
        password_expires_at=new.password_expires_at,
        must_change_password=new.must_change_password,
        attributes=new.attributes,
        created_at=moment,
    )
    await _insert(user)
    return user


async def _insert(user: User) -> None:
    async with answering("MongoDB"):
        try:
            await user.insert()
        except DuplicateKeyError:
            raise EmailTakenError from None
