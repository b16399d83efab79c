"""`POST /import`: a file of conversations, which become those of whoever sends it.

Only `Authorization: Bearer` says who that is: see `api.attachments.uploads`. The file is spooled to disk, then read;
the answer is a JSON object a line, `progress`, `refused`, and at the end `summary` or `failed`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.attachments.answers import refused
from api.attachments.bodies import BodyCutError, BodyTooLongError, BodyTooSlowError, pieces
from api.contexts import ServedContext, admitted
from api.decisions import settle
from api.errors import AWAY, MASKED, UNAVAILABLE, Code
from api.rates.prices import of_file
from api.refusals import refusal
from api.transfer.spool import spool, sweep
from api.transfer.streams import AT_ONCE, Answer, GoneError, alone, somebody, wanted_format
from models.conversation import Conversation
from models.transfer.arrivals import KNOWN, import_any
from models.transfer.errors import TransferError, UnreadableFileError
from models.transfer.importing import Progress, Report
from models.user import User
from permissions.actions import Action
from permissions.audit.events import Target
from permissions.authn.errors import UnauthenticatedError
from permissions.errors import DeniedError
from permissions.resources import USER, conversation_resource
from resolvers.chat.list_news import announce_many

TOLD_SECONDS: Final = 1.0
"""How often it is told how far an import is."""
JUDGED_SECONDS: Final = 5.0
"""So often is asked anew what he may do."""
HEADERS: Final = {"Content-Type": "application/x-ndjson"}
CLOSE: Final = {"Connection": "close"}
_log: Final = structlog.get_logger(__name__)


class Imports:
    """The endpoint, for files of at most `most` bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        answer: Response | None
        if self._under_way >= AT_ONCE:
            answer = refusal(503, "too many imports at once, try again", Code.UNAVAILABLE, {"Retry-After": "30"})
        else:
            self._under_way += 1
            try:
                answer = await self._answered(request, send)
            finally:
                self._under_way -= 1
        if answer is not None:  # what is left of the body is thrown away
            answer.headers.update(CLOSE)
            await answer(scope, receive, send)

    async def _answered(self, request: Request, send: Send) -> Response | None:
        """None when all is said; else what is answered instead."""
        try:
            context = await admitted(request)
            try:
                user_id = somebody(context)
                context.access.require_foreseen(Action.CONVERSATION_CREATE)
            finally:
                await settle(context, None)
            format_name = wanted_format(request)
            if format_name not in KNOWN:
                return refusal(400, f"`format` must be one of {', '.join(KNOWN)}", Code.BAD_USER_INPUT)
            announced = request.headers.get("content-length", "")
            await context.spend(of_file(min(int(announced[:18]), self._most) if announced.isdecimal() else self._most))
            async with alone(context.db.db, "import", user_id) as held:
                if not held:
                    return refusal(429, "you have an import under way", Code.RATE_LIMITED, {"Retry-After": "30"})
                async with self._spooled(request) as path:
                    context.require_still()
                    return await self._imported(request, send, Import(context, path, format_name))
        except BodyTooLongError:
            return refusal(413, f"the file must not exceed {self._most:,} bytes", Code.PAYLOAD_TOO_LARGE)
        except BodyTooSlowError:
            return refusal(408, "the request's body did not come to its end", Code.BAD_USER_INPUT)
        except BodyCutError:
            return refusal(400, "the request's body did not come to its end", Code.BAD_USER_INPUT)
        except GoneError:
            return None
        except Exception as error:
            return refused(error)

    @asynccontextmanager
    async def _spooled(self, request: Request) -> AsyncIterator[Path]:
        """The body as a file, which is gone after the block."""
        await asyncio.to_thread(sweep)
        with spool() as path:
            with path.open("wb") as file:
                async for piece in pieces(request, self._most):
                    await asyncio.to_thread(file.write, piece)
            yield path

    async def _imported(self, request: Request, send: Send, importing: "Import") -> Response | None:
        async with Answer(request.receive, send, HEADERS) as answer:
            task = asyncio.create_task(importing.run(answer), name="import")
            try:
                while not task.done():
                    await asyncio.wait([task], timeout=TOLD_SECONDS)
                    if not task.done():
                        await importing.judge()
                        await answer.write(importing.news(), now=True)
                error = task.exception()
                if isinstance(error, Exception) and not importing.told:
                    return _unreadable(error) if isinstance(error, TransferError) else refused(error)
                await answer.write(importing.news() + importing.outcome(task))
                await answer.end()
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        return None


class Import:
    """One file."""

    def __init__(self, context: ServedContext, path: Path, format_name: str) -> None:
        self.told = False
        """Whether anything was said of it."""
        self._context = context
        self._path = path
        self._format = format_name
        self._progress = Progress(0, path.stat().st_size, Report())
        self._named = 0
        self._judged = asyncio.get_running_loop().time()
        self._ended: Exception | None = None

    async def run(self, answer: Answer) -> Report:
        """Raises `TransferError`, `UnauthenticatedError` when access ends, `GoneError` with the client."""
        user = await User.get(somebody(self._context))
        if user is None:
            raise UnauthenticatedError

        def go_on(progress: Progress) -> None:
            self._progress = progress
            self._context.require_still()
            if self._ended:
                raise self._ended
            if answer.gone:
                raise GoneError

        context, limits = self._context, self._context.tree.limits
        try:
            return await import_any(context.db.db, self._path, self._format, user, limits, go_on, self._admit)
        finally:
            await context.settle()
            about, figures = Target(USER, user.id), _figures(self._progress.report)
            after = {"format": self._format, **figures}
            await context.audit.write("conversations.imported", context.origin, about, after=after)
            await announce_many(context.broker, user.id)

    async def judge(self) -> None:
        """Ask anew, now and then, whether he still may; if not, `run` ends."""
        if (moment := asyncio.get_running_loop().time()) - self._judged < JUDGED_SECONDS:
            return
        self._judged = moment
        try:
            await self._context.renew()
            self._context.access.require_foreseen(Action.CONVERSATION_CREATE)
            await self._context.settle()
        except Exception as error:  # an answer is under way already: its last line says so
            self._ended = error

    def news(self) -> bytes:
        """How far it is, and what was refused since this was last asked."""
        self.told = True
        report = self._progress.report
        fresh, self._named = report.refusals[self._named :], len(report.refusals)
        refusals = [_line("refused", where=each.where, reason=each.reason) for each in fresh]
        return b"".join([*refusals, _line("progress", read=self._progress.read, size=self._progress.size)])

    def outcome(self, task: "asyncio.Task[Report]") -> bytes:
        """The last line."""
        error, figures = task.exception(), _figures(self._progress.report)
        return _line("summary", **figures) if error is None else _line("failed", reason=_reason(error), **figures)

    def _admit(self, conversation: Conversation) -> str | None:
        """By its attributes, as those of a conversation that is started here."""
        resource = conversation_resource(conversation)
        return None if self._context.access.decide(Action.CONVERSATION_CREATE, resource) else "you may not create it"


def _figures(report: Report) -> dict[str, int]:
    return {
        "imported": report.imported,
        "messages": report.messages,
        "unchanged": report.unchanged,
        "refused": report.refused,
    }


def _line(kind: str, **fields: Any) -> bytes:
    return orjson.dumps({"type": kind, **fields}, option=orjson.OPT_APPEND_NEWLINE)


def _unreadable(error: TransferError) -> Response:
    """Without the path: it is ours."""
    reason = f"the file {error.reason}" if isinstance(error, UnreadableFileError) else str(error)
    return refusal(400, reason, Code.BAD_USER_INPUT)


def _reason(error: BaseException) -> str:
    if isinstance(error, UnauthenticatedError | DeniedError):
        return str(error)
    if isinstance(error, UNAVAILABLE):
        return AWAY
    _log.error("import failed", exc_info=error)
    return MASKED
