"""The actions that are built in."""

from enum import StrEnum


class Action(StrEnum):
    """`resource:verb`. The verbs of other services are data, not members."""

    CONVERSATION_CREATE = "conversation:create"
    CONVERSATION_READ = "conversation:read"
    CONVERSATION_UPDATE = "conversation:update"
    CONVERSATION_DELETE = "conversation:delete"
    CONVERSATION_SHARE = "conversation:share"

    MESSAGE_READ = "message:read"
    MESSAGE_APPEND = "message:append"
    MESSAGE_ASK = "message:ask"
    """Have the assistant answer a message, by one's own rights."""
    MESSAGE_EDIT = "message:edit"
    MESSAGE_DELETE = "message:delete"
    MESSAGE_READ_METADATA = "message:read_metadata"

    USER_READ = "user:read"
    USER_READ_EMAIL = "user:read_email"
    USER_LIST = "user:list"
    USER_UPDATE = "user:update"
    USER_ERASE = "user:erase"
    """Forgetting somebody for good, with all that he wrote."""
    USER_CREATE = "user:create"
    """Accounts of persons; they start without roles and attributes."""
    USER_DISABLE = "user:disable"
    """Close an account, or open it again."""
    USER_RESET_PASSWORD = "user:reset_password"  # noqa: S105 - an action
    USER_MANAGE_SERVICES = "user:manage_services"
    """Make accounts of services, and give them other secrets."""

    SESSION_READ = "session:read"
    SESSION_END = "session:end"

    ROLE_READ = "role:read"
    ROLE_ASSIGN = "role:assign"
    ROLE_WRITE = "role:write"

    POLICY_READ = "policy:read"
    POLICY_WRITE = "policy:write"

    PERMISSION_READ = "permission:read"
    """Asking what somebody else may do, and why."""
    PERMISSION_EVALUATE = "permission:evaluate"
    """Asking for the decisions about everybody's requests to another service: what such a service does."""

    SIGNING_KEY_ROTATE = "signing_key:rotate"
    TOKEN_REVOKE = "token:revoke"  # noqa: S105 - an action
    """Taking back anybody's tokens by rules, and seeing the rules."""

    OPERATION_READ = "operation:read"
    """Seeing the documents that are registered."""
    OPERATION_REGISTER = "operation:register"
    """Trusting documents, and trusting them no more."""
    OPERATION_RUN_ANY = "operation:run_any"
    """Running documents that are not registered, where nobody else may."""

    AUDIT_READ = "audit:read"
    SCHEMA_INTROSPECT = "schema:introspect"

    @property
    def resource_type(self) -> str:
        """The part before the colon."""
        return resource_type(self)


def resource_type(action: str) -> str:
    """The type of resource that `action` is done to; of a pattern too."""
    return action.partition(":")[0]


def verbs(type_: str) -> list[str]:
    """The built-in actions of a type of resource, as `read`."""
    return [action.partition(":")[2] for action in Action if action.resource_type == type_]
