"""Accounts as far as the caller may reach them."""

from beanie import PydanticObjectId

from models.user import User
from permissions.actions import Action
from permissions.resources import user_resource
from resolvers.context import Context


async def readable_user(context: Context, user_id: PydanticObjectId) -> User | None:
    """The account, if it is there and the caller may read it."""
    user = await context.loaders.users.load(user_id)
    return user if user and context.access.decide(Action.USER_READ, user_resource(user)) else None
