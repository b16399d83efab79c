"""What can be wrong with asking for a permission, and with changing who has which.

PermissionsError
├── DeniedError              the engine said no; the decision says why
│   └── EscalationError      a change that would give, or take, what the changer may not do himself
│       ├── OutlastingError      what he may do himself, but not for as long
│       └── OutlastedError       an account that may do it for longer than he, into which he would get
├── NotFreshError            the rules that were asked for have not arrived
├── BusyError                too many long questions are being asked
├── EffortError              one request asks too much
└── ChangeError
    ├── InvalidChangeError   it can't be meant
    ├── UnknownError         it names what isn't there
    └── ConflictingError     it doesn't fit what is there
        ├── RoleInUseError       a role that is inherited or assigned
        ├── AlreadyHeldError     a role that is held already, for the same time
        ├── LastSuperAdminError  nobody would be left who may do everything
        └── ContentionError      others changed permissions meanwhile, again and again

Unusable roles and policies: `permissions.engine.errors`. Who is not signed in: `permissions.authn.errors`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from permissions.engine.decision import Decision


class PermissionsError(Exception):
    """The root of this tree."""


class DeniedError(PermissionsError):
    """`visible` tells whether the caller may know that the resource exists: if not, answer as if it didn't."""

    def __init__(self, decision: Decision, *, visible: bool) -> None:
        super().__init__(f"not allowed: `{decision.action}`")
        self.decision = decision
        self.visible = visible


class EscalationError(DeniedError):
    """`beyond` are the patterns of actions that the changer may not do himself."""

    def __init__(self, decision: Decision, beyond: Sequence[str]) -> None:
        super().__init__(decision, visible=True)
        self.beyond = tuple(beyond)

    def __str__(self) -> str:
        shown = ", ".join(f"`{pattern}`" for pattern in self.beyond[:5])
        return f"changes what others may do beyond what you may do yourself: {shown}"


class OutlastingError(EscalationError):
    """The assignment would hold when he may not do that himself any more, or not at these hours."""

    def __str__(self) -> str:
        shown = ", ".join(f"`{pattern}`" for pattern in self.beyond[:5])
        return f"gives for longer, or at other hours, than you may do it yourself: {shown}; give it until your own ends"


class OutlastedError(EscalationError):
    """Whose account it is may do that when he may not any more: with it he would go on."""

    def __str__(self) -> str:
        shown = ", ".join(f"`{pattern}`" for pattern in self.beyond[:5])
        return f"its owner may do for longer, or at other hours, than you: {shown}"


class NotFreshError(PermissionsError):
    """`revision` has not arrived in time; it may come yet."""

    def __init__(self, revision: int) -> None:
        super().__init__("the rules that the request asks for have not arrived; try again")
        self.revision = revision


class BusyError(PermissionsError):
    """It may be answered later."""

    def __init__(self) -> None:
        super().__init__("the answer takes too long, or too many long questions are being asked; try again later")


class EffortError(PermissionsError):
    """Asked in several requests, it would be answered."""

    def __init__(self) -> None:
        super().__init__("the request asks too many questions about permissions; ask them in several requests")


class ChangeError(PermissionsError):
    """A change that was not made, nor any part of it."""


class InvalidChangeError(ChangeError):
    """`field` as callers name it; `details` say more in data: a cycle's path, where in a condition, what is known."""

    def __init__(self, field: str, reason: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.field = field
        self.details = dict(details or {})


class UnknownError(ChangeError):
    """`kind` is role, policy, assignment or user."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"no such {kind}: `{name[:100]}`")
        self.kind = kind
        self.name = name


class ConflictingError(ChangeError):
    """The message is a whole sentence."""


class RoleInUseError(ConflictingError):
    """`assigned` are the ids of assignments in force, or to come."""

    def __init__(self, role: str, inherited_by: Sequence[str], assigned: Sequence[str]) -> None:
        parts = [f"inherited by {', '.join(inherited_by)}"] if inherited_by else []
        parts += [f"assigned {len(assigned)} times"] if assigned else []
        super().__init__(f"role `{role}` is {' and '.join(parts)}: delete it with `cascade`, or end that first")
        self.role = role
        self.inherited_by = tuple(inherited_by)
        self.assigned = tuple(assigned)


class AlreadyHeldError(ConflictingError):
    """`assignment` is the id of the one by which the role is held."""

    def __init__(self, role: str, assignment: str) -> None:
        super().__init__(f"role `{role}` is held for the same time already")
        self.role = role
        self.assignment = assignment


class LastSuperAdminError(ConflictingError):
    """Refused whoever asks: nobody could undo it."""

    def __init__(self) -> None:
        super().__init__("nobody would be left who may do everything, for good")


class ContentionError(ConflictingError):
    """Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("permissions were changed by others meanwhile, again and again; try again")
