"""`graphql-transport-ws`: to the letter, and no longer than what a socket was opened with is good."""

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final

import structlog
from graphql import GraphQLError
from strawberry.exceptions import ConnectionRejectionError
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import Operation
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    PingMessage,
    SubscribeMessage,
)

from api.connections import TooManyConnectionsError
from api.contexts import REFUSED, ServedContext
from api.documents.bench import name_of
from api.errors import AWAY, Code, code_of
from api.fanout import Member, Questions, Rooms
from api.frames import flaw
from api.schema import Schema
from api.socket_closing import FORBIDDEN, INTERNAL_ERROR, TOO_MANY_INITIALISATIONS, TRY_AGAIN_LATER, closing_of
from api.socket_ending import EndingHandler
from api.socket_outlet import SocketOutlet
from permissions.authn.errors import UnauthenticatedError
from resolvers.context import Context
from resolvers.errors import TooFastError

_log: Final = structlog.get_logger(__name__)


Text = Callable[[str | None, object, Mapping[str, Any] | None, Context], Awaitable[str | None]]
"""Finds the document that an operation names. Raises `GraphQLError`."""


class SocketHandler(EndingHandler):
    """What a client says over one socket, and what becomes of it."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self.connection_init_wait_timeout = timedelta(seconds=self._connections.limits.init_seconds)
        self._questions: Final[Questions] = parts["view"].questions
        self._rooms: Final[Rooms] = parts["view"].rooms
        self._members: Final[dict[str, Member]] = {}
        self._named: Final[dict[str, Mapping[str, Any]]] = {}
        """What operations were asked by that name a document, and have not begun."""
        self._text: Final[Text] = parts["view"].text
        self._schema: Final[Schema] = parts["view"].schema

    async def run_operation(self, operation: Operation[Context, None]) -> None:
        """Who follows a conversation shares answers with others; everything else is his own."""
        if not await self._found(operation):
            return
        await self._schema.judge(operation.query or "", self.context)  # what is wrong is told when it is executed
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
            named = sent.get("documentId"), sent.get("extensions")
            operation.query = await self._text(operation.query, *named, self.context) or ""
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
            async with self._rooms.admission.turn(name_of(self.context)) as turn:
                context = await self.context.for_operation()
                member = await self._rooms.enter(asked, context, outlet, turn)
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
        if self.ending:
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
            try:
                await self.view.on_ws_connect(self.context)
            finally:  # a proof is looked at for it, a bad one too
                await self.context.spend(0)
            if self.context.principal is not None and isinstance(self.context, ServedContext):
                presence = self.context.services.presence
                counted = self._connections.counted(self.context.principal.user_id, presence)
                await counted.__aenter__()
                self._counted = counted
        except ConnectionRejectionError:
            await self.websocket.close(FORBIDDEN, "Forbidden")
        except (TooManyConnectionsError, TooFastError) as error:
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
