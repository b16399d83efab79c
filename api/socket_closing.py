"""Why a socket is closed: codes of close frames, and reasons that fit into them."""

from typing import Final

from permissions.authn.cutoff import Cut
from permissions.authn.errors import TokenExpiredError, TokenRevokedError, UnauthenticatedError

SERVICE_RESTART: Final = 1012
TRY_AGAIN_LATER: Final = 1013
"""Both of IANA's registry: `graphql-ws` comes back after either."""
UNAUTHORIZED: Final = 4401
FORBIDDEN: Final = 4403
TOO_MANY_INITIALISATIONS: Final = 4429
INTERNAL_ERROR: Final = 4500
REASON_BYTES: Final = 123
"""Longest reason that a close frame holds (RFC 6455, 5.5)."""


def closing(cut: Cut) -> tuple[int, str]:
    """Code and reason of the close frame."""
    return (UNAUTHORIZED, "token has expired") if cut.reason is None else (FORBIDDEN, cut.reason)


def closing_of(error: UnauthenticatedError) -> tuple[int, str]:
    """The same for a token that was sent to go on with, and is not good."""
    if isinstance(error, TokenExpiredError):
        return closing(Cut(None))
    return closing(Cut(error.reason if isinstance(error, TokenRevokedError) else "Forbidden"))


def clipped(reason: str) -> str:
    """As much of it as a close frame holds."""
    return reason.encode(errors="replace")[:REASON_BYTES].decode(errors="ignore")
