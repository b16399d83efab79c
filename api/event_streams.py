"""GraphQL over Server-Sent Events, in the mode of distinct connections: one operation, one response.

<https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import ClassVar, Final

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode
from graphql.language import OperationType
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.http import GraphQLHTTPResponse
from strawberry.http.streaming import SSETransport

from api.accept import quality
from api.answer_json import answer_json
from api.background import break_off
from api.connections import Connections, TooManyConnectionsError
from api.contexts import ServedContext
from api.documents import Documents
from api.documents.bench import SHORT
from api.documents.parsing import parse
from api.errors import Code
from api.http_protocol import FLOW
from api.socket_ending import TELL_SECONDS
from api.stream_flow import StreamFlow
from permissions.authn.cutoff import Cut, Cutoff

MEDIA_TYPE: Final = "text/event-stream"
JSON_TYPES: Final = ("application/graphql-response+json", "application/json")
NEXT: Final = "event: next\n"
COMPLETE: Final = "event: complete\ndata: \n\n"


def wants_events(accept: str) -> bool:
    """Whether an `Accept` header wants events rather than JSON. urql names both in each request, JSON first."""
    wanted = quality(accept, MEDIA_TYPE)
    return wanted > max(quality(accept, each) for each in JSON_TYPES)


class EventStreamTransport(SSETransport):
    """Strawberry's, for who wants it, and with the line ends of the reference server."""

    headers: ClassVar[Mapping[str, str]] = {**SSETransport.headers, "Cache-Control": "no-store, no-transform"}

    def accepts(self, accept: str) -> bool:
        return wants_events(accept)

    def encode_event(self, event: str, data: str | None = None) -> str:
        return f"event: {event}\ndata: {data or ''}\n\n"

    def encode_comment(self, comment: str) -> str:
        return f": {comment}\n\n"


def answered(response: GraphQLHTTPResponse | list[GraphQLHTTPResponse]) -> str:
    """The whole stream of an operation that has one answer."""
    return f"event: next\ndata: {answer_json(response).decode()}\n\n{COMPLETE}"


def subscribes(documents: Documents, query: str | None, name: str | None, max_tokens: int) -> bool:
    """Whether an operation may have many answers; also where that can't be told, for want of a sound document.

    A long one was judged before this is asked: it is remembered, or has a flaw.
    """
    text = query or ""
    try:
        document = documents.find(text)
        if document is None and len(text) <= SHORT:
            document = parse(text, max_tokens=max_tokens, no_location=True)
    except GraphQLError:
        return True
    chosen = None if document is None else _chosen(document, name)
    return chosen is None or chosen.operation is OperationType.SUBSCRIPTION


def _chosen(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    found = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    named = [each for each in found if name is None or (each.name and each.name.value == name)]
    return named[0] if len(named) == 1 else None


class EventStream(Response):
    """A response that goes on until its events end, or the client is gone."""

    def __init__(self, events: AsyncGenerator[str, None], headers: Mapping[str, str], cutoff: Cutoff) -> None:
        self.status_code, self.background, self.body = 200, None, b""
        self._events = events
        self._cutoff = cutoff
        self.init_headers(headers)
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        flow = StreamFlow((scope.get("extensions") or {}).get(FLOW), self._cutoff)
        sending, gone = asyncio.ensure_future(self._send(send, flow)), asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Not by a cancel scope of anyio's, as starlette does: it would break off the clean-up, too.
            sending.cancel()
            gone.cancel()
            result, _ = await asyncio.gather(sending, gone, return_exceptions=True)
        if isinstance(result, Exception) and not isinstance(result, OSError):
            raise result

    async def _send(self, send: Send, flow: StreamFlow) -> None:
        """Of who has lost his right, the last of what was made only: it says so. Some of it waited for him to read.

        What waited while his token was taken back is not sent either: what comes after it says why.
        """
        last = ""
        async with aclosing(self._events) as events:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async for event in events:
                cut = self._cutoff.cut
                told_of = event.startswith(NEXT) and not event.endswith(COMPLETE)
                shown = self._cutoff.showing.next() if told_of else None
                if shown is not None and not await shown.sendable(flow.waits):
                    continue
                await flow.waits()
                # From here on nobody else has his turn before it is written.
                if cut is not self._cutoff.cut and not event.endswith(COMPLETE):
                    continue
                if self._cutoff.lost and not event.endswith(COMPLETE):
                    last = event if event.startswith("event:") else last
                    continue
                told = last + event if event == COMPLETE else event
                await send({"type": "http.response.body", "body": told.encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        flow.ended()


async def until_over(
    events: AsyncIterator[str], context: ServedContext, connections: Connections
) -> AsyncGenerator[str, None]:
    """A stream, until what it was asked with is no longer good, which it says, or the worker stops.

    With the worker it ends without `complete`: so a client knows that it shall come back.
    """
    leaving, cutoff = asyncio.Event(), context.cutoff or Cutoff()
    async with AsyncExitStack() as held:
        held.enter_context(connections.held(leaving.set))
        try:
            if context.principal is not None:
                counted = connections.counted(context.principal.user_id, context.services.presence)
                await held.enter_async_context(counted)
        except TooManyConnectionsError as error:
            yield _refused(str(error), {"code": Code.RATE_LIMITED.value})
            return
        held.callback(cutoff.release)
        context.watch()
        async with aclosing(_until(events, cutoff, leaving)) as rest:
            async for event in rest:
                yield event


async def _until(events: AsyncIterator[str], cutoff: Cutoff, leaving: asyncio.Event) -> AsyncGenerator[str, None]:
    over, left = asyncio.ensure_future(cutoff.wait()), asyncio.ensure_future(leaving.wait())
    coming = asyncio.ensure_future(_next(events))
    try:
        while True:
            await asyncio.wait({over, left, coming}, return_when=asyncio.FIRST_COMPLETED)
            if over.done() or left.done():
                break
            if (event := coming.result()) is None:
                return
            yield event
            coming = asyncio.ensure_future(_next(events))
        until = asyncio.get_running_loop().time() + (TELL_SECONDS if over.done() and cutoff.telling else 0)
        # `sessionEvents` still has to say why it is over.
        while (left_seconds := until - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait({coming}, timeout=left_seconds)
            if not coming.done() or (event := coming.result()) is None or event == COMPLETE:
                break
            yield event
            coming = asyncio.ensure_future(_next(events))
        if over.done():
            yield _ended(over.result())
    finally:
        for each in (over, left, coming):
            break_off(each)
        await asyncio.gather(over, left, coming, return_exceptions=True)
        if isinstance(events, AsyncGenerator):
            await events.aclose()


async def _next(events: AsyncIterator[str]) -> str | None:
    return await anext(events, None)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _ended(cut: Cut) -> str:
    if cut.reason is None:
        return _refused("the access token has expired", {"code": Code.TOKEN_EXPIRED.value})
    return _refused("the access token was taken back", {"code": Code.TOKEN_REVOKED.value, "reason": cut.reason})


def _refused(message: str, extensions: dict[str, str]) -> str:
    return answered({"data": None, "errors": [{"message": message, "extensions": extensions}]})
