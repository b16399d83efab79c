"""Accounts and roles as far as the caller may reach them."""

from beanie import PydanticObjectId

from models.user import User
from permissions.actions import Action
from permissions.resources import USER, role_resource, user_resource
from resolvers.context import Context


async def readable_user(context: Context, user_id: PydanticObjectId) -> User | None:
    """The account, if it is there and the caller may read it."""
    user = await context.loaders.users.load(user_id)
    if user is None:
        context.access.miss(Action.USER_READ, USER, user_id)
    return user if user and context.access.decide(Action.USER_READ, user_resource(user)) else None


def knows_role(context: Context, name: str) -> bool:
    """Whether the caller may read the role, or holds it, also by another that inherits from it."""
    access = context.access
    held = access.subject.roles_at(access.env.time) if access.subject else ()
    its_own = any(name in access.snapshot.graph.closure(each) for each in held)
    return its_own or bool(access.consider(Action.ROLE_READ, role_resource(name)))
