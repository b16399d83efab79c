"""The account that answers are written by: it has one role, no attributes, and a secret that nobody knows."""

from contextlib import suppress
from typing import Final

from beanie import PydanticObjectId

from models.clock import now
from models.role import RoleAssignment
from models.user import User
from permissions.administration import Administration
from permissions.authn.errors import ServiceNameError
from permissions.builtin import assistant
from permissions.changes import SYSTEM
from permissions.errors import ConflictingError

NAME: Final = "assistant"


async def assistant_account(office: Administration) -> PydanticObjectId:
    """The account's id; it is made where there is none. Whoever takes the role away doesn't find it back."""
    await office.changes.put([assistant()], SYSTEM, "built in", only_missing=True)
    account = await User.find_one({"email_key": NAME})
    if account is None:
        try:
            account, _ = await office.create_service(NAME, SYSTEM)
        except ServiceNameError:  # another worker was faster
            return await assistant_account(office)
    if await RoleAssignment.find_one({"user_id": account.id}) is None:
        with suppress(ConflictingError):  # another worker was faster
            await office.changes.assign(RoleAssignment(user_id=account.id, role=NAME, granted_at=now()), SYSTEM)
    return account.id
