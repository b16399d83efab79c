"""A change before it is made: what will be written, and beside it in the history."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from beanie import Document, PydanticObjectId
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

from models.permission_change import ChangeKind
from models.policy import Policy
from models.resource_type import ResourceType
from models.role import Role, RoleAssignment
from models.user import User
from permissions.state import Record, State

_DOCUMENTS: Final[dict[ChangeKind, type[Document]]] = {
    ChangeKind.ROLE: Role,
    ChangeKind.POLICY: Policy,
    ChangeKind.RESOURCE_TYPE: ResourceType,
    ChangeKind.ASSIGNMENT: RoleAssignment,
    ChangeKind.USER: User,
}


@dataclass(frozen=True, slots=True)
class Draft:
    """As `PermissionChange`, without what is known only when it is written."""

    kind: ChangeKind
    key: str
    before: Record | None
    after: Record | None

    async def write(self, session: AsyncClientSession) -> None:
        """Put the record where it belongs, or take it away; of a user only what conditions see."""
        collection: AsyncCollection[dict[str, Any]] = _DOCUMENTS[self.kind].get_pymongo_collection()
        if self.kind is ChangeKind.USER:
            update = {"$set": self.after}
            await collection.update_one({"_id": _id(self)}, update, session=session)
        elif self.after is None:
            await collection.delete_one({"_id": _id(self)}, session=session)
        else:
            await collection.replace_one({"_id": _id(self)}, self.after, upsert=True, session=session)


def applied(state: State, drafts: Iterable[Draft]) -> State:
    """The rules once `drafts` are written."""
    for draft in drafts:
        state = state.changed(draft.kind, draft.key, draft.after)
    return state


def _id(draft: Draft) -> Any:
    """Names are ids of themselves; the others are `ObjectId`s."""
    return PydanticObjectId(draft.key) if draft.kind in (ChangeKind.ASSIGNMENT, ChangeKind.USER) else draft.key
