"""What the engine is asked about: resources from stored documents, and where lists find the same attributes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from models.audit import AuditRecord
from models.conversation import Conversation
from models.share import ShareAccess
from models.user import User
from permissions.actions import Action, verbs
from permissions.actions import resource_type as type_of
from permissions.engine.facts import Id, Resource, Share
from permissions.engine.filters import Fields
from permissions.engine.resource_type import ResourceType, resource_type
from permissions.engine.schema import Schema
from permissions.engine.snapshot import Conventions

CONVERSATION: Final = "conversation"
MESSAGE: Final = "message"
USER: Final = "user"
SESSION: Final = "session"
AUDIT: Final = "audit"
ROLE: Final = "role"
POLICY: Final = "policy"
PERMISSION: Final = "permission"
SIGNING_KEY: Final = "signing_key"
OPERATION: Final = "operation"
TOKEN: Final = "token"  # noqa: S105 - a type of resource

FIELDS: Final[Mapping[str, Fields]] = {
    CONVERSATION: Fields({"id": "_id", "owner_id": "owner_id"}, shares=True),
    # Decided by, and filtered through, its conversation.
    MESSAGE: Fields({"id": "_id", "owner_id": "owner_id"}, shares=True),
    USER: Fields({"id": "_id"}),
    AUDIT: Fields({"kind": "kind", "action": "action", "resource_type": "resource_type", "effect": "effect"}),
}
"""INVARIANT: these are the fields that the functions below read, so that a list agrees with a check."""

OWNED: Final = {
    "id": "id",
    "owner_id": "id",
    "region": "string",
    "department": "string",
    "clearance_required": "number",
}
RECORDED: Final = {"kind": "string", "action": "string", "resource_type": "string", "effect": "string"}
PERSONAL: Final = {
    "id": "id",
    "region": "string",
    "department": "string",
    "clearance": "number",
    "teams": "list<string>",
}

TYPES: Final[Mapping[str, ResourceType]] = {
    each.name: each
    for each in (
        resource_type(
            CONVERSATION,
            verbs(CONVERSATION),
            {"read_write": ("create", "read", "update", "delete")},
            OWNED,
            open=True,
            fields=FIELDS[CONVERSATION],
        ),
        resource_type(
            MESSAGE,
            verbs(MESSAGE),
            {"read_write": ("read", "append", "edit", "delete")},
            OWNED,
            open=True,
            fields=FIELDS[MESSAGE],
        ),
        resource_type(USER, verbs(USER), attributes=PERSONAL, fields=FIELDS[USER]),
        resource_type(SESSION, verbs(SESSION), attributes={"owner_id": "id"}),
        resource_type(ROLE, verbs(ROLE), {"read_write": ("read", "write")}),
        resource_type(POLICY, verbs(POLICY), {"read_write": ("read", "write")}),
        resource_type(PERMISSION, verbs(PERMISSION), attributes=PERSONAL),
        resource_type(AUDIT, verbs(AUDIT), attributes=RECORDED, fields=FIELDS[AUDIT]),
        resource_type("schema", verbs("schema")),
        resource_type(SIGNING_KEY, verbs(SIGNING_KEY)),
        resource_type(OPERATION, verbs(OPERATION)),
        resource_type(TOKEN, verbs(TOKEN)),
    )
}
"""The types that are built in. A stored type of the name `user` may declare further attributes of accounts."""

CONVENTIONS: Final = Conventions.of(TYPES.values())


def schemas(actions: Iterable[str], known: Mapping[str, ResourceType] = TYPES) -> Iterator[Schema]:
    """What a condition of rules about `actions` may name: it must be right by each of these.

    `known` are all types there are. For `*` and types that aren't known any attribute of the resource goes.
    """
    user = known[USER].attributes
    for name in dict.fromkeys(map(type_of, actions)):
        yield known[name].schema(user) if name in known else Schema(user, open=frozenset({"resource"}), shares=True)


def conversation_resource(conversation: Conversation) -> Resource:
    """A conversation; its owner stands above any attribute of that name."""
    return _kept(CONVERSATION, conversation)


def message_resource(conversation: Conversation) -> Resource:
    """Any message of a conversation: they are decided together, so the id is the conversation's."""
    return _kept(MESSAGE, conversation)


def _kept(type_: str, conversation: Conversation) -> Resource:
    attributes = {**conversation.attributes, "owner_id": conversation.owner_id}
    shares = tuple(
        Share(each.grantee, each.access is ShareAccess.WRITE, each.until, each.branch) for each in conversation.shares
    )
    return Resource(type_, conversation.id, attributes, shares)


def user_resource(user: User) -> Resource:
    """An account."""
    return Resource(USER, user.id, user.attributes)


def permission_resource(user: User) -> Resource:
    """What somebody may do, as something that others may ask about."""
    return Resource(PERMISSION, user.id, user.attributes)


def audit_resource(record: AuditRecord) -> Resource:
    """A record of the audit log. Policies may look at what happened, not at whom it was about."""
    attributes = {name: getattr(record, name) for name in RECORDED}
    return Resource(AUDIT, None, {name: value for name, value in attributes.items() if value is not None})


def session_resource(session_id: str, owner_id: Id) -> Resource:
    """A sign-in of somebody."""
    return Resource(SESSION, session_id, {"owner_id": owner_id})


def role_resource(name: str) -> Resource:
    """A role."""
    return Resource(ROLE, name)


def policy_resource(name: str) -> Resource:
    """A policy; a type of resource stands under the same rules."""
    return Resource(POLICY, name)


def reading(resource: Resource) -> tuple[Action, Resource] | None:
    """The question whether one may know that `resource` exists; None where there is none to ask, which means no."""
    if resource.type == USER:
        return Action.USER_READ, resource
    if resource.type == SESSION:
        return Action.SESSION_READ, resource
    if resource.type in (ROLE, POLICY):
        return Action(f"{resource.type}:read"), resource
    if resource.type in (CONVERSATION, MESSAGE):
        return Action.CONVERSATION_READ, replace(resource, type=CONVERSATION)
    return None
