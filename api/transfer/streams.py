"""What exports and imports share: one at a time for each user, and answers that clients must keep up with."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from starlette.requests import Request
from starlette.types import Receive, Send

from api.contexts import ServedContext
from models.clock import now
from models.database import Record
from models.lease import lease
from permissions.authn.errors import UnauthenticatedError

AT_ONCE: Final = 8
"""Exports under way in a worker, and imports."""
PATIENCE_SECONDS: Final = 30.0
"""How long a client may take none of the answer."""
PIECE: Final = 64 * 1024


class GoneError(Exception):
    """The client is, or it takes nothing any more."""


def somebody(context: ServedContext) -> PydanticObjectId:
    """Who asks. Raises `UnauthenticatedError`."""
    context.access.require_signed_in()
    if context.principal is None:
        raise UnauthenticatedError
    return context.principal.user_id


@asynccontextmanager
async def alone(db: AsyncDatabase[Record], what: str, user_id: PydanticObjectId) -> AsyncIterator[bool]:
    """Whether the user does nothing else of that kind, on whichever worker. Nothing of it stays when it is over."""
    name = f"{what}:{user_id}"
    held = False
    try:
        async with lease(db, name) as held:
            yield held
    finally:
        if held:
            with suppress(PyMongoError):  # who has it meanwhile keeps it
                await db.leases.delete_one({"_id": name, "until": {"$lte": now()}})


class Answer:
    """An answer of unknown length. Use it in an `async with` block; raises `GoneError`."""

    def __init__(self, receive: Receive, send: Send, headers: Mapping[str, str]) -> None:
        self._receive = receive
        self._send = send
        self._headers = headers
        self._waiting = bytearray()
        self._gone = asyncio.Event()
        self._begun = False
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Answer":
        self._watching = asyncio.create_task(self._watch(), name="client watch")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._watching:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    @property
    def begun(self) -> bool:
        """Whether some of it was sent, so that it can't be another answer any more."""
        return self._begun

    @property
    def gone(self) -> bool:
        """Whether the client is."""
        return self._gone.is_set()

    async def write(self, data: bytes, *, now: bool = False) -> None:
        """Send it, soon if not `now`."""
        self._waiting += data
        if now or len(self._waiting) >= PIECE:
            await self._flush(more=True)

    async def end(self) -> None:
        """There is no more."""
        await self._flush(more=False)

    async def _flush(self, *, more: bool) -> None:
        body, self._waiting = bytes(self._waiting), bytearray()
        if self.gone:
            raise GoneError
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._begin()
                await self._send({"type": "http.response.body", "body": body, "more_body": more})
        except (TimeoutError, OSError):
            raise GoneError from None

    async def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in self._headers.items()]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone.set()


def wanted_format(request: Request) -> str:
    """`?format=`; Parley's own where none is named."""
    return request.query_params.get("format", "parley")
