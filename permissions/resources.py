"""What the engine is asked about: resources from stored documents, and where lists find the same attributes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from models.conversation import Conversation
from models.user import User
from permissions.actions import Action
from permissions.engine.facts import Id, Resource
from permissions.engine.filters import Fields
from permissions.engine.snapshot import Conventions

CONVERSATION: Final = "conversation"
MESSAGE: Final = "message"
USER: Final = "user"
SESSION: Final = "session"

FIELDS: Final[Mapping[str, Fields]] = {
    CONVERSATION: Fields({"id": "_id", "owner_id": "owner_id"}),
    MESSAGE: Fields({"id": "_id", "owner_id": "owner_id"}),  # decided by, and filtered through, its conversation
    USER: Fields({"id": "_id"}),
}
"""INVARIANT: these are the fields that the functions below read, so that a list agrees with a check."""

CONVENTIONS: Final = Conventions(strategies={}, fields=FIELDS)


def conversation_resource(conversation: Conversation) -> Resource:
    """A conversation; its owner stands above any attribute of that name."""
    return Resource(CONVERSATION, conversation.id, {**conversation.attributes, "owner_id": conversation.owner_id})


def message_resource(conversation: Conversation) -> Resource:
    """Any message of a conversation: they are decided together, so the id is the conversation's."""
    return Resource(MESSAGE, conversation.id, {**conversation.attributes, "owner_id": conversation.owner_id})


def user_resource(user: User) -> Resource:
    """An account."""
    return Resource(USER, user.id, user.attributes)


def session_resource(session_id: str, owner_id: Id) -> Resource:
    """A sign-in of somebody."""
    return Resource(SESSION, session_id, {"owner_id": owner_id})


def reading(resource: Resource) -> tuple[Action, Resource] | None:
    """The question whether one may know that `resource` exists; None where there is none to ask, which means no."""
    if resource.type == USER:
        return Action.USER_READ, resource
    if resource.type == SESSION:
        return Action.SESSION_READ, resource
    if resource.type in (CONVERSATION, MESSAGE):
        return Action.CONVERSATION_READ, replace(resource, type=CONVERSATION)
    return None
