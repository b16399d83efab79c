"""Accounts and roles for tests of changes."""

from collections.abc import Mapping
from typing import Any

from models.clock import now
from models.role import Grant, GrantEffect, Role, RoleAssignment
from models.user import User
from permissions.changes import SYSTEM, Changer, PermissionChanges

ALLOW, DENY = GrantEffect.ALLOW, GrantEffect.DENY


async def person(name: str, attributes: Mapping[str, Any] | None = None) -> User:
    """An account without roles."""
    user = User(
        email=f"{name}@example.org",
        email_key=f"{name}@example.org",
        display_name=name,
        name_key=name,
        password_hash="",
        attributes=dict(attributes or {}),
        created_at=now(),
    )
    await user.insert()
    return user


def role(name: str, *allowed: str, inherits: tuple[str, ...] = (), denied: tuple[str, ...] = ()) -> Role:
    """A role without conditions."""
    grants = [Grant(action=action) for action in allowed] + [Grant(effect=DENY, action=action) for action in denied]
    return Role(id=name, inherits=list(inherits), grants=grants)


def given(user: User, name: str, **more: Any) -> RoleAssignment:
    """A role for a user, as it is before it is given."""
    return RoleAssignment(user_id=user.id, role=name, granted_at=now(), **more)


async def give(changes: PermissionChanges, user: User, *names: str) -> list[RoleAssignment]:
    """The user gets these roles, from the system."""
    made = [given(user, name) for name in names]
    for each in made:
        await changes.assign(each, SYSTEM)
    return made


def by(user: User) -> Changer:
    """As this user."""
    return Changer(user.id)
