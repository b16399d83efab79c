"""Anything by its global id."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import strawberry

from permissions.actions import Action
from permissions.guards import SignedIn
from permissions.resources import message_resource
from resolvers.account.reach import readable_user
from resolvers.account.types import User
from resolvers.chat.conversation import Conversation, shown
from resolvers.chat.reach import readable
from resolvers.chat.tree import Branch, Message, load_branches, load_message
from resolvers.context import Info
from resolvers.errors import BadInputError
from resolvers.ids import GlobalId, branch_name, message_address, object_id
from resolvers.node import Node

MAX_NODES: Final = 100


async def _conversation(info: Info, id: str) -> Conversation | None:
    stored = await readable(info.context, object_id(id, "Conversation"))
    return await shown(info.context, stored) if stored else None


async def _branch(info: Info, id: str) -> Branch | None:
    conversation_id, name = branch_name(id)
    stored = await readable(info.context, conversation_id)
    return (await load_branches(info, stored, [name]))[0] if stored else None


async def _message(info: Info, id: str) -> Message | None:
    conversation_id, address = message_address(id)
    stored = await readable(info.context, conversation_id)
    if stored is None or not info.context.access.decide(Action.MESSAGE_READ, message_resource(stored)):
        return None
    return await load_message(info, stored, address)


async def _user(info: Info, id: str) -> User | None:
    stored = await readable_user(info.context, object_id(id, "User"))
    return User.of(stored) if stored else None


_LOADERS: Final[Mapping[str, Callable[[Info, str], Awaitable[Node | None]]]] = {
    "Conversation": _conversation,
    "Branch": _branch,
    "Message": _message,
    "User": _user,
}


@strawberry.type
class Query:
    """Of everything."""

    @strawberry.field(permission_classes=[SignedIn], description="Null for what does not exist, or may not be seen.")
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:
        return await _load(info, id)

    @strawberry.field(permission_classes=[SignedIn], description=f"As `node`, up to {MAX_NODES} at once, in order.")
    async def nodes(self, info: Info, ids: list[strawberry.ID]) -> list[Node | None]:
        if len(ids) > MAX_NODES:
            raise BadInputError("ids", f"must be {MAX_NODES} at most")
        return [await _load(info, each) for each in ids]


async def _load(info: Info, id: str) -> Node | None:
    load = _LOADERS.get(GlobalId.parse(id).kind)
    return await load(info, id) if load else None
