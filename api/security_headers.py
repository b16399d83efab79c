"""Headers by which browsers do with answers what they are meant for, and nothing else. OWASP's list for APIs."""

from collections.abc import Mapping
from typing import Final

NOTHING: Final = "default-src 'none'; frame-ancestors 'none'"
"""The policy of whatever is no page: it loads nothing, and stands in no frame."""
SANDBOX: Final = f"sandbox; {NOTHING}"
"""Of files that came from people: whatever they are, no script in them runs."""
STANDING: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": NOTHING,
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Of every answer, unless it has its own. CORS is not bound by the last one: that is for who loads without asking."""


def strict_transport(seconds: int) -> dict[str, str]:
    """Have browsers come by TLS only (RFC 6797), this host alone: others of the same domain may not be ready for it."""
    return {"Strict-Transport-Security": f"max-age={seconds}"} if seconds else {}
