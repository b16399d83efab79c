"""What can be wrong with a revocation."""

from permissions.authn.errors import AuthnError


class CriteriaError(AuthnError):
    """`field` as callers name it; `reason` ends a sentence that begins with it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"`{field}` {reason}")
        self.field = field
        self.reason = reason
