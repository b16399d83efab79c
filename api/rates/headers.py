"""Tells clients how much they have left: `RateLimit-*` as in the draft that clients know, and `Retry-After`.

<https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-06>
"""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.rates.rates import Verdict

HEADERS: Final = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy", "Retry-After")
WINDOW: Final = 60


class RateHeaders:
    """Around all: what was counted while a request was answered stands in its answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def answer(message: Message) -> None:
            verdict: Verdict | None = state.get("rate")
            if message["type"] == "http.response.start":
                if verdict is not None:
                    _tell(MutableHeaders(scope=message), verdict)
                if message["status"] == 503:  # a store that is away is asked again a second later
                    MutableHeaders(scope=message).setdefault("Retry-After", "1")
            await send(message)

        await self._app(scope, receive, answer)


def _tell(headers: MutableHeaders, verdict: Verdict) -> None:
    for name, value in rate_headers(verdict):
        headers[name.decode()] = value.decode()


def rate_headers(verdict: Verdict) -> list[tuple[bytes, bytes]]:
    """The headers that tell of it."""
    headers = [
        (b"ratelimit-limit", b"%d" % verdict.limit),
        (b"ratelimit-remaining", b"%d" % verdict.remaining),
        (b"ratelimit-reset", b"%d" % verdict.reset),
        (b"ratelimit-policy", b"%d;w=%d" % (verdict.limit, WINDOW)),
    ]
    if verdict.retry_after is not None:
        headers.append((b"retry-after", b"%d" % verdict.retry_after))
    return headers


def rate_lines(verdict: Verdict) -> bytes:
    """The same as they go over the wire, of what was let pass."""
    limit, remaining, reset, _ = verdict
    return _LINES % (limit, remaining, reset, limit)


_LINES: Final = (
    b"ratelimit-limit: %%d\r\nratelimit-remaining: %%d\r\nratelimit-reset: %%d\r\nratelimit-policy: %%d;w=%d\r\n"
    % WINDOW
)
