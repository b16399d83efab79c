"""What can be wrong with asking for a permission.

PermissionsError
└── DeniedError  the engine said no; the decision says why

Unusable roles and policies: `permissions.engine.errors`. Who is not signed in: `permissions.authn.errors`.
"""

from permissions.engine.decision import Decision


class PermissionsError(Exception):
    """The root of this tree."""


class DeniedError(PermissionsError):
    """`visible` tells whether the caller may know that the resource exists: if not, answer as if it didn't."""

    def __init__(self, decision: Decision, *, visible: bool) -> None:
        super().__init__(f"not allowed: `{decision.action}`")
        self.decision = decision
        self.visible = visible
