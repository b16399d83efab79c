"""`graphql-transport-ws`: to the letter, and no longer than what a socket was opened with is good."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from datetime import timedelta
from json import JSONDecodeError
from typing import Any, Final

import orjson
import structlog
from graphql import GraphQLError
from starlette.websockets import WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived, WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    PingMessage,
    SubscribeMessage,
)

from api.connections import Connections, TooManyConnectionsError
from api.contexts import REFUSED, ServedContext
from api.errors import AWAY, Code, code_of
from api.fanout import Member, Questions, Rooms
from api.frames import flaw
from api.persisted import Reference, reference
from api.socket_protocol import FRAMES, SocketProtocol
from permissions.authn.cutoff import Cut, Cutoff
from permissions.authn.errors import TokenExpiredError, TokenRevokedError, UnauthenticatedError
from resolvers.context import Context

_log: Final = structlog.get_logger(__name__)

SERVICE_RESTART: Final = 1012
TRY_AGAIN_LATER: Final = 1013
"""Both of IANA's registry: `graphql-ws` comes back after either."""
UNAUTHORIZED: Final = 4401
FORBIDDEN: Final = 4403
TOO_MANY_INITIALISATIONS: Final = 4429
INTERNAL_ERROR: Final = 4500
REASON_BYTES: Final = 123
"""Longest reason that a close frame holds (RFC 6455, 5.5)."""
TELL_SECONDS: Final = 0.3
"""How long `sessionEvents` may take to tell its client why."""
FINISH_SECONDS: Final = 3.0
"""How long what changes something may take to end, and to be answered, before a stopping worker closes the socket."""


Text = Callable[[str | None, Reference | None, Context], Awaitable[str | None]]
"""Finds the document that an operation names. Raises `GraphQLError`."""


class SocketAdapter(ASGIWebSocketAdapter):
    """A socket that is closed once, with a reason that fits, and hears nothing after that."""

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:
        """Keeps nothing of a message while it waits for the next."""
        try:
            while self.ws.application_state is not WebSocketState.DISCONNECTED:
                message = self._decoded(await self.ws.receive_text(), forgiving=ignore_parsing_errors)
                yield message
                if isinstance(message, dict):
                    message.clear()
        except KeyError as error:
            raise NonTextMessageReceived from error
        except WebSocketDisconnect:
            pass

    async def send_json(self, message: Mapping[str, object]) -> None:
        if self._open:
            with suppress(WebSocketDisconnected):  # whoever reads hears of it, too, and ends it all
                await super().send_json(message)

    async def close(self, code: int, reason: str) -> None:
        if self._open:
            with suppress(WebSocketDisconnect):
                await super().close(code, clipped(reason))

    def _decoded(self, text: str, *, forgiving: bool) -> object:
        try:
            return self.view.decode_json(text)
        except JSONDecodeError as error:
            if forgiving:
                return {}
            raise NonJsonMessageReceived from error

    @property
    def _open(self) -> bool:
        return self.ws.application_state is WebSocketState.CONNECTED


class SocketHandler(BaseGraphQLTransportWSHandler[Context, None]):
    """One socket, until it is cut off or the worker stops."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._connections: Final[Connections] = parts["view"].connections
        self.connection_init_wait_timeout = timedelta(seconds=self._connections.limits.init_seconds)
        self._cutoff: Final = self.context.cutoff or Cutoff()
        self._counted: AbstractAsyncContextManager[None] | None = None
        self._guarding: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._closing = False
        self._questions: Final[Questions] = parts["view"].questions
        self._rooms: Final[Rooms] = parts["view"].rooms
        self._members: Final[dict[str, Member]] = {}
        self._named: Final[dict[str, Mapping[str, Any]]] = {}
        """What operations were asked by that name a document, and have not begun."""
        self._text: Final[Text] = parts["view"].text
        scope: dict[str, Any] = getattr(getattr(self.websocket, "ws", None), "scope", {})
        self._frames: Final[SocketProtocol | None] = scope.get("extensions", {}).get(FRAMES)
        if self._frames is not None:
            self._frames.forget_handshake()
            scope["headers"].clear()

    async def handle(self) -> None:
        self._cutoff.heard(self._cut_off)
        try:
            self._connections.add(self._leave)
            await super().handle()
        finally:
            self._connections.discard(self._leave)
            self._cutoff.release()
            if self._counted is not None:
                await self._counted.__aexit__(None, None, None)
            ending = [task for task in (self._guarding, self._leaving) if task is not None]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)

    async def run_operation(self, operation: Operation[Context, None]) -> None:
        """Who follows a conversation shares answers with others; everything else is his own."""
        if not await self._found(operation):
            return
        error = self._questions.unidentified(operation.query, operation.operation_name)
        if error is not None:  # as the reference server does: it is no answer of an execution
            await operation.send_initial_errors([error])
            return
        if not await self._follows(operation):
            await super().run_operation(operation)

    async def _found(self, operation: Operation[Context, None]) -> bool:
        """Whether its document is there, and may be run; its client is told why if not."""
        sent: Mapping[str, Any] = self._named.pop(operation.id, {})
        try:
            wanted = reference(sent.get("documentId"), sent.get("extensions"))
            operation.query = await self._text(operation.query, wanted, self.context) or ""
        except GraphQLError as error:
            await operation.send_initial_errors([error])
        except REFUSED:
            refusal = GraphQLError(AWAY, extensions={"code": Code.UNAVAILABLE.value})
            await operation.send_initial_errors([refusal])
        else:
            return True
        return False

    async def _follows(self, operation: Operation[Context, None]) -> bool:
        """Whether it is the fan-out's, which has it go on, then.

        Where it can't be begun it is run by itself, to be told why in the words that are Strawberry's for it; but not
        once something of it was sent: it would be sent twice.
        """
        if self._frames is None:
            return False
        asked = self._questions.asked(operation.query, operation.operation_name, operation.variables)
        if asked is None:
            return False
        outlet = SocketOutlet(self._frames, operation)
        try:
            context = await self.context.for_operation()
            member = await self._rooms.enter(asked, context, outlet)
        except Exception as error:
            if outlet.used:
                await self._rooms.fail(outlet, error)
            elif code_of(error) is Code.INTERNAL_SERVER_ERROR:
                _log.exception("a conversation can't be followed with others", kind=type(error).__name__)
            return outlet.used
        if self.operations.get(operation.id) is operation:
            self._members[operation.id] = member
            operation.query, operation.variables = "", None  # they are known as the question
        else:
            member.leave()
        return True

    async def handle_message(self, message: Message) -> None:
        """Nothing is begun any more once it is cut off, or the worker stops: a client asks again elsewhere."""
        if self._cutoff.cut is not None or self._leaving is not None:
            return
        if (wrong := flaw(message)) is not None:
            await self.handle_invalid_message(wrong)
            return
        try:
            await self._handle(message)
        except REFUSED:
            await self.websocket.close(TRY_AGAIN_LATER, AWAY)
        except Exception as error:
            _log.exception("unexpected error on a socket", kind=type(error).__name__)
            await self.websocket.close(INTERNAL_ERROR, "Internal server error")

    async def _handle(self, message: Any) -> None:
        match message["type"]:
            case "connection_init":
                await self.handle_connection_init(message)
            case "subscribe":
                await self.handle_subscribe(message)
            case "complete":
                await self.handle_complete(message)
            case "ping":
                await self.handle_ping(message)

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """As the reference server does: a second one is one too many, and no payload may be written as null, too."""
        if self.connection_timed_out:
            return
        if self.connection_init_timeout_task:
            self.connection_init_timeout_task.cancel()
            self.connection_init_timeout_task = None
        if self.connection_init_received:
            await self.websocket.close(TOO_MANY_INITIALISATIONS, "Too many initialisation requests")
            return
        self.connection_init_received = True
        self.context.connection_params = message.get("payload") or {}
        try:
            await self.view.on_ws_connect(self.context)
            if self.context.principal is not None and isinstance(self.context, ServedContext):
                presence = self.context.services.presence
                counted = self._connections.counted(self.context.principal.user_id, presence)
                await counted.__aenter__()
                self._counted = counted
        except ConnectionRejectionError:
            await self.websocket.close(FORBIDDEN, "Forbidden")
        except TooManyConnectionsError as error:
            await self.websocket.close(TRY_AGAIN_LATER, str(error))
        else:
            await self.send_message({"type": "connection_ack", "payload": {}})
            self.connection_acknowledged = True

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Refused alone, where too many others are under way."""
        limit = self._connections.limits.operations
        known = not self.connection_acknowledged or message["id"] in self.operations
        if known or len(self.operations) < limit:
            payload: Any = message["payload"]
            payload.setdefault("query", "")
            if not known and ("documentId" in payload or payload.get("extensions")):
                self._named[message["id"]] = payload
            await super().handle_subscribe(message)
            return
        refusal = f"more than {limit} operations are under way on this socket"
        error = GraphQLError(refusal, extensions={"code": Code.RATE_LIMITED.value})
        await self.send_message({"id": message["id"], "type": "error", "payload": [error.formatted]})

    async def handle_ping(self, message: PingMessage) -> None:
        """Answer; a payload with `authorization` is a newer token, for the socket to live on with."""
        given = (message.get("payload") or {}).get("authorization")
        if isinstance(given, str) and self.connection_acknowledged and isinstance(self.context, ServedContext):
            await self._renew(self.context, given)
        else:
            await self.send_message({"type": "pong"})

    async def _renew(self, context: ServedContext, authorization: str) -> None:
        try:
            token = await context.prove_again(authorization)
        except UnauthenticatedError as error:
            await self.websocket.close(*closing_of(error))
        except REFUSED:  # the token that it has is as good as before
            await self.send_message({"type": "pong", "payload": {"renewed": False, "code": Code.UNAVAILABLE.value}})
        else:
            left = max(0, int(token.expires_at - time.time()))
            await self.send_message({"type": "pong", "payload": {"renewed": True, "expiresIn": left}})

    @staticmethod
    def _get_pre_execution_close_reason(error: GraphQLError) -> str | None:
        """A document with a flaw ends its own operation, and no other's socket."""
        return None

    def forget_id(self, id: str) -> None:
        """It may have been broken off as it ended."""
        self.operations.pop(id, None)
        self._part(id)

    def _part(self, id: str) -> None:
        self._named.pop(id, None)
        member = self._members.pop(id, None)
        if member is not None:
            member.leave()

    async def cleanup_operation(self, operation_id: str) -> None:
        """Break it off, unless it changes something: that is done to its end, and the socket waits for it."""
        self._part(operation_id)
        operation = self.operations.get(operation_id)
        if operation is None or operation.task not in self._cutoff.doing:
            await super().cleanup_operation(operation_id)

    async def shutdown(self) -> None:
        """The client is gone."""
        self._closing = True
        self._fall_silent()
        await super().shutdown()

    async def send_message(self, message: Message) -> None:
        """Nothing goes out any more once it is cut off, but why."""
        if self._closing:
            return
        if self._cutoff.cut is None or self._tells(message):
            await super().send_message(message)

    def _fall_silent(self) -> None:
        """Nobody hears what is told from now on; but why it is cut off, if it is, `send_message` lets through."""
        if self._frames is not None:
            self._frames.silent = True

    def _cut_off(self) -> None:
        self._fall_silent()
        self._guarding = asyncio.create_task(self._guard(), name="socket cutoff")

    async def _guard(self) -> None:
        cut = await self._cutoff.wait()
        if telling := set(self._cutoff.telling):
            await asyncio.wait(telling, timeout=TELL_SECONDS)
        await self.websocket.close(*closing(cut))

    def _leave(self) -> None:
        """The worker stops."""
        self._leaving = asyncio.create_task(self._finish(), name="socket draining")

    async def _finish(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FINISH_SECONDS):
                while doing := set(self._cutoff.doing):
                    await asyncio.wait(doing)
        await self.websocket.close(SERVICE_RESTART, "the server restarts, come back")

    def _tells(self, message: Mapping[str, Any]) -> bool:
        operation = self.operations.get(message.get("id", ""))
        return operation is not None and operation.task in self._cutoff.telling


class SocketOutlet:
    """An operation's answers, as they go over its socket: `frames` are silent once it is cut off."""

    __slots__ = ("_ended", "_frames", "_operation", "_prefix", "used")

    def __init__(self, frames: SocketProtocol, operation: Operation[Context, None]) -> None:
        self._frames = frames
        self._operation = operation
        self._prefix = b'{"id":%b,"type":"next","payload":' % orjson.dumps(operation.id)
        self._ended = False
        self.used = False
        """Whether anything has been sent."""

    def write(self, body: bytes) -> bool:
        """As of any outlet; what comes after the end is lost."""
        if self._ended:
            return True
        self.used = True
        return self._frames.write_text(self._prefix, body, b"}")

    def end(self, body: bytes) -> bool:
        """As of any outlet."""
        operation = self._operation
        if self._ended:
            return True
        self.used = True
        complete = b'{"id":%b,"type":"complete"}' % orjson.dumps(operation.id)
        if not self._frames.write_text(self._prefix, body, b"}", complete):
            return False
        self._ended = operation.completed = True
        operation.handler.forget_id(operation.id)
        return True

    async def ready(self) -> None:
        """As of any outlet."""
        await self._frames.drained()

    async def complete(self) -> None:
        """As of any outlet."""
        self._ended = self.used = True
        await self._operation.send_operation_message({"id": self._operation.id, "type": "complete"})


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
