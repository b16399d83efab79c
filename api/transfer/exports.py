"""`GET /export`: all conversations of whoever asks, with every branch, as a stream.

Only `Authorization: Bearer` says who asks. He gets what he owns and may read; metadata and others' names where he may
read those. When his access ends, so does the answer, with a line that says so.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Final

import structlog
from beanie import PydanticObjectId
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.attachments.answers import refused
from api.contexts import ServedContext, admitted
from api.errors import AWAY, MASKED, UNAVAILABLE, Code
from api.rates.prices import EXPORT
from api.refusals import refusal
from api.security_headers import SANDBOX
from api.transfer.streams import AT_ONCE, Answer, GoneError, alone, somebody, wanted_format
from models.conversation import Conversation
from models.transfer.exporting import Tally, Trees, View, Writing
from models.transfer.exporting_chatgpt import ChatGptWriting
from models.transfer.parley.writing import ParleyWriting
from models.tree.turns import Turns
from permissions.actions import Action
from permissions.audit.events import Target
from permissions.authn.errors import UnauthenticatedError
from permissions.resources import USER, conversation_resource, message_resource, user_resource

FORMATS: Final[Mapping[str, Writing]] = {"parley": ParleyWriting(), "chatgpt": ChatGptWriting()}
JUDGED_SECONDS: Final = 5.0
"""So often is asked anew what he may do, while a long conversation is written."""
ENDED: Final = "your access has ended"
_log: Final = structlog.get_logger(__name__)


class Exports:
    """The endpoint."""

    def __init__(self) -> None:
        self._under_way = 0
        self._turns = Turns()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if self._under_way >= AT_ONCE:
            answer = refusal(503, "too many exports at once, try again", Code.UNAVAILABLE, {"Retry-After": "30"})
            await answer(scope, receive, send)
            return
        self._under_way += 1
        try:
            if answer_instead := await self._sent(request, send):
                await answer_instead(scope, receive, send)
        finally:
            self._under_way -= 1

    async def _sent(self, request: Request, send: Send) -> Response | None:
        """None when it was sent; else what is answered instead."""
        try:
            context = await admitted(request)
            user_id = somebody(context)
            writing = FORMATS.get(wanted_format(request))
            if writing is None:
                return refusal(400, f"`format` must be one of {', '.join(FORMATS)}", Code.BAD_USER_INPUT)
            if request.method == "HEAD":
                return Response(headers=_headers(writing))
            await context.spend(EXPORT)
            async with alone(context.db.db, "export", user_id) as held:
                if not held:
                    return refusal(429, "you have an export under way", Code.RATE_LIMITED, {"Retry-After": "30"})
                about = Target(USER, user_id)
                await context.audit.write(
                    "conversations.exported", context.origin, about, after={"format": wanted_format(request)}
                )
                await self._send(request, send, Export(context, user_id, writing, self._turns))
        except GoneError:
            return None
        except Exception as error:
            return refused(error)
        return None

    async def _send(self, request: Request, send: Send, export: "Export") -> None:
        async with Answer(request.receive, send, _headers(export.writing)) as answer:
            try:
                async for piece in export.pieces():
                    await answer.write(piece)
            except UnauthenticatedError:
                await answer.write(export.writing.broken_off(ENDED))
            except GoneError:
                raise
            except Exception as error:
                if not answer.begun:
                    raise
                await answer.write(export.writing.broken_off(_last_words(error)))  # too late for another status
            await answer.end()


def _headers(writing: Writing) -> dict[str, str]:
    return {
        "Content-Type": writing.media_type,
        "Content-Disposition": f'attachment; filename="{writing.file_name}"',
        "Content-Security-Policy": SANDBOX,
        "Cross-Origin-Resource-Policy": "same-origin",
        "Vary": "Authorization",
    }


def _last_words(error: Exception) -> str:
    if isinstance(error, UNAVAILABLE):
        _log.warning("export broken off", kind=type(error).__name__)
        return AWAY
    _log.error("export broken off", exc_info=error)
    return MASKED


class Export:
    """One user's."""

    def __init__(self, context: ServedContext, user_id: PydanticObjectId, writing: Writing, turns: Turns) -> None:
        self.writing = writing
        self._context = context
        self._user_id = user_id
        self._trees = Trees(context.db.db, context.tree.limits, turns)
        self._judged = 0.0

    async def pieces(self) -> AsyncIterator[bytes]:
        """Raises `UnauthenticatedError` when his access ends."""
        tally = Tally()
        listed = await self._trees.listed(self._user_id)
        yield self.writing.first(self._user_id)
        for id_ in listed:
            conversation = await self._trees.read(id_)
            await self._judge()
            if conversation is None or (view := self._view(conversation)) is None:
                continue
            async for piece in self.writing.conversation(self._trees, conversation, view, tally):
                await self._require_still(conversation, view)
                yield piece
        await self._context.settle()
        yield self.writing.last(tally)

    async def _judge(self) -> None:
        """What he may do now."""
        self._context.require_still()
        await self._context.renew()
        await self._context.settle()
        self._context.access.require_signed_in()
        self._judged = asyncio.get_running_loop().time()

    async def _require_still(self, conversation: Conversation, view: View) -> None:
        """That nothing was taken back since the conversation began."""
        self._context.require_still()
        if asyncio.get_running_loop().time() - self._judged > JUDGED_SECONDS:
            await self._judge()
            now = self._view(conversation)
            if now is None or now.metadata < view.metadata:
                raise UnauthenticatedError

    def _view(self, conversation: Conversation) -> View | None:
        """What he may see of it; None if it isn't his, or he may not read all of it."""
        access, messages = self._context.access, message_resource(conversation)
        if (
            conversation.owner_id != self._user_id
            or not access.decide(Action.CONVERSATION_READ, conversation_resource(conversation))
            or not access.decide(Action.MESSAGE_READ, messages)
        ):
            return None
        return View(bool(access.decide(Action.MESSAGE_READ_METADATA, messages)), self._name_of)

    async def _name_of(self, id_: PydanticObjectId) -> str | None:
        user = await self._context.loaders.users.load(id_)
        if user is None or not self._context.access.consider(Action.USER_READ, user_resource(user)):
            return None
        return user.display_name
