"""What a question is about: loaded if it is stored here, as the client says if it belongs to another service."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from beanie import PydanticObjectId

from models.conversation import Conversation
from permissions.actions import Action, resource_type
from permissions.engine.facts import Resource
from permissions.engine.snapshot import Snapshot
from permissions.questions.known import known_types
from permissions.resources import (
    CONVERSATION,
    MESSAGE,
    SESSION,
    USER,
    conversation_resource,
    message_resource,
    session_resource,
    user_resource,
)
from resolvers.admin.decisions import ResourceInput
from resolvers.admin.free_form import free_form
from resolvers.context import Context
from resolvers.errors import BadInputError
from resolvers.ids import GlobalId, as_object_id, message_address, object_id, understood
from resolvers.sights import message_at

_IN_CONVERSATIONS: Final = (CONVERSATION, MESSAGE)


@dataclass(frozen=True, slots=True)
class Target:
    """`known` is whether there is such a thing, and the asker may know of it."""

    resource: Resource
    known: bool = True


async def target(context: Context, input: ResourceInput, action: str, snapshot: Snapshot, field: str) -> Target:
    """What `action` would be done to. Raises `BadInputError`."""
    _require_type(snapshot, input.type, action, field)
    type_ = resource_type(action)
    if input.id is None:
        return Target(Resource(type_, None, _attributes(input, field)))
    load = _LOADERS.get(input.type)
    if load is None:
        return Target(Resource(type_, str(input.id), _attributes(input, field)))
    found = await load(context, input.id, f"{field}.id", type_)
    return Target(Resource(type_), known=False) if found is None else Target(found)


async def load_ahead(context: Context, inputs: Iterable[ResourceInput]) -> None:
    """Load the conversations that are named there in one call. What names none is left to `target`, errors and all."""
    ids = {each.id for each in inputs if each.type in _IN_CONVERSATIONS and each.id}
    homes = {home for each in ids if (home := _home(each))}
    if len(homes) > 1:
        await context.loaders.conversations.load_many(homes)


def _home(id: str) -> PydanticObjectId | None:
    try:
        found = GlobalId.parse(id, "id")
        if found.kind == "Message":
            return message_address(id, "id")[0]
        (part,) = found.require("Conversation", 1, "id")
        return as_object_id(part, "Conversation", "id")
    except BadInputError:
        return None


def _require_type(snapshot: Snapshot, type_: str, action: str, field: str) -> None:
    if type_ not in known_types(snapshot):
        raise BadInputError(f"{field}.type", "is not a known type of resource")
    of_action = resource_type(action)
    if type_ != of_action and (type_, of_action) != (CONVERSATION, MESSAGE):
        raise BadInputError(f"{field}.type", f"does not go with `{action}`, which is done to `{of_action}`")


def _attributes(input: ResourceInput, field: str) -> Mapping[str, Any]:
    attributes = free_form(input.attributes, f"{field}.attributes")
    return {name: understood(value) for name, value in attributes.items()}


async def _conversation(context: Context, id: str, field: str, type_: str) -> Resource | None:
    return await _in_conversation(context, object_id(id, "Conversation", field), type_)


async def _message(context: Context, id: str, field: str, type_: str) -> Resource | None:
    """Of a message that isn't there nothing is known; by a conversation's id, any of its messages is meant."""
    if GlobalId.parse(id, field).kind == "Conversation":
        return await _conversation(context, id, field, type_)
    conversation_id, address = message_address(id, field)
    stored = await _readable(context, conversation_id)
    if stored is None or await context.loaders.rows.load((conversation_id, address)) is None:
        return None
    return await message_at(context.tree, stored, address) if type_ == MESSAGE else conversation_resource(stored)


async def _in_conversation(context: Context, id: PydanticObjectId, type_: str) -> Resource | None:
    stored = await _readable(context, id)
    return _about(stored, type_) if stored else None


async def _readable(context: Context, id: PydanticObjectId) -> Conversation | None:
    stored = await context.loaders.conversations.load(id)
    if stored is None or stored.deleted:
        return None
    return stored if context.access.consider(Action.CONVERSATION_READ, conversation_resource(stored)) else None


def _about(stored: Conversation, type_: str) -> Resource:
    return message_resource(stored) if type_ == MESSAGE else conversation_resource(stored)


async def _user(context: Context, id: str, field: str, type_: str) -> Resource | None:
    stored = await context.loaders.users.load(object_id(id, "User", field))
    found = user_resource(stored) if stored else None
    return found if found and context.access.consider(Action.USER_READ, found) else None


async def _session(context: Context, id: str, field: str, type_: str) -> Resource | None:
    owner, name = GlobalId.parse(id, field).require("Session", 2, field)
    owner_id = as_object_id(owner, "Session", field)
    found = session_resource(name, owner_id)
    if not context.access.consider(Action.SESSION_READ, found):
        return None
    return found if any(each.id == name for each in await context.accounts.sessions_of(owner_id)) else None


_LOADERS: Final[Mapping[str, Callable[[Context, str, str, str], Awaitable[Resource | None]]]] = {
    CONVERSATION: _conversation,
    MESSAGE: _message,
    USER: _user,
    SESSION: _session,
}
