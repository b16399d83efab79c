"""New accounts."""

import re
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo.errors import DuplicateKeyError

from models.clock import now
from models.user import User, email_key, name_key
from permissions.authn.availability import answering
from permissions.authn.errors import EmailTakenError, InvalidEmailError
from permissions.authn.passwords import Passwords

MAX_EMAIL_CHARACTERS: Final = 320
_EMAIL: Final = re.compile(r"[^@\s\x00-\x1f\x7f\ud800-\udfff]+@[^@\s\x00-\x1f\x7f\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class NewUser:
    """What a new account starts with. `attributes` are what policies look at."""

    email: str
    display_name: str
    password: str = field(repr=False)
    attributes: dict[str, Any] = field(default_factory=dict)


async def register(passwords: Passwords, new: NewUser) -> User:
    """Make the account. Raise `InvalidEmailError`, `WeakPasswordError` or `EmailTakenError`."""
    email = new.email.strip()
    if len(email) > MAX_EMAIL_CHARACTERS or _EMAIL.fullmatch(email) is None:
        raise InvalidEmailError
    user = User(
        email=email,
        email_key=email_key(email),
        display_name=new.display_name,
        name_key=name_key(new.display_name),
        password_hash=await passwords.hash(new.password),
        attributes=new.attributes,
        created_at=now(),
    )
    await _insert(user)
    return user


async def _insert(user: User) -> None:
    async with answering("MongoDB"):
        try:
            await user.insert()
        except DuplicateKeyError:
            raise EmailTakenError from None
