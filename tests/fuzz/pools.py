"""What is usual for an argument, by its name: documents that fail at their first value show nothing of all the rest."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.isolation.arguments import REQUIRED

Place = Mapping[str, tuple[str, ...]]
"""What belongs together: ids by `KINDS_OF`, and cursors."""

KINDS_OF: Final[Mapping[str, str]] = {
    "id": "conversation",
    "conversationId": "conversation",
    "messageId": "message",
    "parentId": "message",
    "siblingOf": "message",
    "untilMessageId": "message",
    "a": "branch",
    "b": "branch",
    "branch": "branch",
    "branchId": "branch",
    "userId": "user",
    "ownerId": "user",
    "authorId": "user",
    "actorId": "user",
    "after": "cursor",
    "before": "cursor",
}
_ROLES: Final = ("analyst", "guest", "admin", "viewer")
_WORDS: Final = ("the", "python", "how to write", "x")
_CONDITIONS: Final = ("user.region == resource.region", "user.id == resource.owner_id")
TEXTS_OF: Final[Mapping[str, Sequence[Any]]] = {
    "action": REQUIRED["action"],
    "actions": REQUIRED["action"],
    "type": REQUIRED["type"],
    "resourceType": REQUIRED["type"],
    "timeZone": REQUIRED["timeZone"],
    "kind": REQUIRED["kind"],
    "window": REQUIRED["window"],
    **dict.fromkeys(("role", "roles", "inherits", "name", "deleteRole"), _ROLES),
    **dict.fromkeys(("when", "unless", "condition"), _CONDITIONS),
    **dict.fromkeys(("query", "search", "title", "titleContains", "content", "text", "reason", "description"), _WORDS),
    **dict.fromkeys(("tags", "tagsAll", "tagsAny", "displayName", "llmModel", "client", "device"), _WORDS),
    "password": ("correct horse battery staple",),
    "newPassword": ("correct horse battery staple",),
    "email": ("alice@demo.example", "new@demo.example"),
    "cidr": ("10.0.0.0/8",),
    "idempotencyKey": ("a", "b", "c"),
}
NUMBERS_OF: Final[Mapping[str, Sequence[int]]] = {
    "first": (1, 2, 5, 20),
    "last": (1, 5),
    "offset": (0,),
    "priority": (0, 1),
}
PLAIN: Final[Mapping[str, Sequence[Any]]] = {
    "Int": (0, 1, 2),
    "Float": (0.0, 1.0),
    "Boolean": (True, False),
    "DateTime": ("2026-01-01T00:00:00Z", "2025-06-01T12:00:00+02:00", "2099-01-01T00:00:00Z"),
    "Date": ("2026-01-01", "2025-06-01"),
    "JSON": ({}, {"region": "EMEA"}, {"region": "EMEA", "department": "Sales"}),
}


def usual(name: str, type_: str, place: Place) -> Sequence[Any]:
    """Values that an argument of that name and type mostly has; none where nothing is known."""
    if name in KINDS_OF and type_ in ("ID", "String"):
        return place.get(KINDS_OF[name], ())
    if type_ == "ID":
        return [each for some in place.values() for each in some]
    return (
        NUMBERS_OF.get(name, ()) if type_ == "Int" and name in NUMBERS_OF else TEXTS_OF.get(name, PLAIN.get(type_, ()))
    )
