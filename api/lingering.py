"""A refusal that is told before the body has come is followed by what still comes of it, which is thrown away.

What lies unread when a connection is closed has TCP reset it, and who still sends loses the answer (RFC 9112, 9.6).
"""

import asyncio
from contextlib import suppress
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS: Final = 10.0
"""So long a body is heard out, all in all."""
SILENT_SECONDS: Final = 2.0
"""So long nothing may come of it."""
MOST_BYTES: Final = 64 * 1024 * 1024
"""So much of it: more than a file may have that is attached to a message."""


class Lingering:
    """Around an endpoint that may answer while a body is still coming."""

    def __init__(self, app: ASGIApp) -> None:
        self._app: Final = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(receive)

        async def told(message: Message) -> None:
            if message["type"] != "http.response.body" or message.get("more_body", False) or body.over:
                await send(message)
                return
            await send({**message, "more_body": True})  # he has all of the answer, and the connection stays open
            await body.hear_out()
            await send({"type": "http.response.body"})

        await self._app(scope, body.receive, told)


class _Body:
    """What comes, and whether more will."""

    def __init__(self, receive: Receive) -> None:
        self._receive: Final = receive
        self.over = False

    async def receive(self) -> Message:
        message = await self._receive()
        self.over = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def hear_out(self) -> None:
        loop = asyncio.get_running_loop()
        until, size = loop.time() + SECONDS, 0
        with suppress(TimeoutError):
            while not self.over and size <= MOST_BYTES and (left := until - loop.time()) > 0:
                async with asyncio.timeout(min(left, SILENT_SECONDS)):
                    size += len((await self.receive()).get("body", b""))
