"""One try of one worker to answer a message: judged, sent, written piece by piece, and ended one way or another.

What makes a crash harmless: that a message may have been begun is noted before it is, and it is begun under a key that
is the request's. So whoever takes the request after a worker that died finds the message, or that there is none.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

import structlog
from beanie import PydanticObjectId

from api.assistant.endpoint import Endpoint, EndpointError, Report
from api.assistant.failures import ForbiddenError, LostError, StoppedError, failure_of
from api.assistant.pieces import PAUSE_SECONDS, paced
from api.assistant.prompt import prompt
from api.background import ended
from api.contexts import ServedContext, acting
from api.services import Services
from models.answer import AnswerFailure, AnswerRequest, AnswerState
from models.answers import Answers
from models.bucket import MessageRole, MessageStatus, Metadata
from models.clock import now
from models.conversation import Conversation
from models.tree import Address, Draft, Row
from permissions.actions import Action
from permissions.engine.facts import Resource
from permissions.resources import message_resource
from resolvers.chat.answering import answerable
from resolvers.chat.events import announce_answer, announce_message
from resolvers.chat.manuscripts import Manuscript
from resolvers.chat.reach import reached
from resolvers.chat.writing import Pen
from resolvers.errors import NotFoundError, TooFastError

_log: Final = structlog.get_logger(__name__)

ASKED: Final = "asked"
"""The fact by which the assistant's role lets it write; it stands above any attribute of that name."""
NO_METADATA: Final = Metadata()


@dataclass(frozen=True, slots=True)
class Rules:
    """How answers are given; see `api.settings`."""

    model: str
    system: str | None = None
    context_tokens: int = 8_000
    answer_bytes: int = 256 * 1024
    seconds: float = 300.0
    tries: int = 5
    backoff_seconds: float = 1.0
    """Before the second try; twice as long before each further one."""
    lease_seconds: float = 30.0
    """A worker that died is noticed after so long; rights are judged again after a sixth of it."""
    pause_seconds: float = PAUSE_SECONDS


@dataclass(frozen=True, slots=True)
class Desk:
    """What a worker answers with."""

    services: Services
    endpoint: Endpoint
    account_id: PydanticObjectId
    rules: Rules

    @property
    def answers(self) -> Answers:
        """The queue."""
        return Answers(self.services.database.db)


@dataclass
class Attempt:
    """Of a request that was claimed as `request.worker`. `told`: something was said about it, look what it is."""

    desk: Desk
    request: AnswerRequest
    told: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: bool = False
    """The worker goes: end it in order."""
    _manuscript: Manuscript | None = None
    _begun_at: float = field(default_factory=time.monotonic)
    _length: int = 0

    async def run(self) -> float | None:
        """Answer, and note what became of it. Seconds until it is worth another try, if it is."""
        if not self.request.begun and (late := self._late):
            await self._fail(late)
            return None
        error: Exception | None = None
        try:
            async with asyncio.timeout(self.desk.rules.seconds):
                await self._guarded()
        except Exception as caught:  # whatever it is, the request must not stay where it is
            error = caught
        if error is None:
            await self._end(AnswerState.DONE)
            return None
        return await self._give_up(error)

    @property
    def _late(self) -> AnswerFailure | None:
        """Why it isn't tried any more: it was claimed too late, or too often."""
        state, reason = self.request.as_of(now())
        often = self.request.tries > self.desk.rules.tries
        return reason if state is AnswerState.FAILED else AnswerFailure.UNAVAILABLE if often else None

    async def _guarded(self) -> None:
        """The work, for as long as the request is ours and everybody may."""
        work, watch = asyncio.create_task(self._answer()), asyncio.create_task(self._watch())
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
            else:
                watch.result()
        finally:
            await ended(work)
            await ended(watch)

    async def _watch(self) -> None:
        """Renew the lease, and judge again. Raises as soon as the work is to end."""
        lease = self.desk.rules.lease_seconds
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.told.wait(), lease / 6)
            self.told.clear()
            if self.stopping:
                raise StoppedError
            await self._require_ours()
            await self._judged()

    async def _answer(self) -> None:
        asker, writer, conversation, row = await self._judged()
        if self.request.begun and await self._found(asker, writer, conversation):
            return
        rules, report = self.desk.rules, Report(self.desk.rules.model)
        messages = await prompt(asker, conversation, row, rules.context_tokens, rules.system)
        async with contextlib.aclosing(paced(self.desk.endpoint.answer(messages, report), rules.pause_seconds)) as said:
            async for text in said:
                if self._manuscript is None:
                    self._manuscript = await self._begin(asker, writer, conversation)
                await self._say(self._manuscript, text)
        if self._manuscript is None:
            raise EndpointError(AnswerFailure.MALFORMED)
        writer.loaders.forget(conversation.id)
        await self._manuscript.finish(self._length, self._metadata(report))

    async def _judged(self) -> tuple[ServedContext, ServedContext, Conversation, Row]:
        """Who asked and who writes, if both may as of now; the decisions are written down."""
        services, request = self.desk.services, self.request
        address = Address.parse(request.message)
        asker = await acting(services, request.asker_id, request.circumstances)
        writer = await acting(services, self.desk.account_id, {})
        try:
            conversation = await self._reached(asker)
            row = await answerable(asker, conversation, address)
            writer.access.require(Action.MESSAGE_APPEND, asked(conversation))
        finally:
            await asker.settle()
            await writer.settle()
        if request.answer is not None and self._manuscript is None:
            self._manuscript = self._of(writer, conversation, Address.parse(request.answer))
        return asker, writer, conversation, row

    async def _reached(self, asker: ServedContext) -> Conversation:
        """A conversation that he may not even read is another matter for us than one that is gone."""
        id_ = self.request.conversation_id
        try:
            return await reached(asker, id_, Action.MESSAGE_ASK)
        except NotFoundError:
            conversation = await asker.loaders.conversations.load(id_)
            if conversation is None or conversation.deleted:
                raise
            raise ForbiddenError from None

    async def _begin(self, asker: ServedContext, writer: ServedContext, conversation: Conversation) -> Manuscript:
        """The message, new or found: on a branch of its own where something follows already."""
        await self._require_ours(begun=True)
        request = self.request
        place = Address.parse(request.message)
        draft = Draft(
            role=MessageRole.ASSISTANT,
            content="",
            author_id=self.desk.account_id,
            status=MessageStatus.STREAMING,
            metadata=Metadata(llm_model=self.desk.rules.model),
            idempotency_key=f"answer:{request.id}",
        )
        appended = await Pen(asker, conversation, Action.MESSAGE_APPEND).append(place, draft)
        await self._require_ours(answer=str(appended.address))
        request.begun, request.answer = True, str(appended.address)
        manuscript = self._of(writer, conversation, appended.address)
        if appended.message.get("status") == MessageStatus.STREAMING:
            said = appended.message.get("content", "")
            await writer.texts.hold(conversation.id, appended.address, self.desk.account_id)
            await writer.texts.open(conversation.id, appended.address, self.desk.account_id, said)
        if appended.forked:  # whoever asks for another answer wants to see it
            await writer.tree.choose(conversation, request.asker_id, appended.address.branch)
        writer.loaders.forget(conversation.id)
        current = await writer.loaders.conversations.load(conversation.id) or conversation
        await announce_message(writer.broker, current, appended.address, again=not appended.fresh)
        await self._tell()
        return manuscript

    async def _found(self, asker: ServedContext, writer: ServedContext, conversation: Conversation) -> bool:
        """Whether a worker that died left a whole answer; raise where it left a part. Else go on with what is there."""
        late = self._late
        self._manuscript = await self._begin(asker, writer, conversation)
        row = await writer.loaders.rows.load((conversation.id, self._manuscript.address))
        if row is None or row.message.get("deleted_at"):
            raise NotFoundError("Message")
        status = row.message.get("status", MessageStatus.COMPLETE)
        if status == MessageStatus.COMPLETE:
            return True
        if status != MessageStatus.STREAMING or row.message.get("content"):
            raise EndpointError(AnswerFailure.INTERRUPTED)
        if late:
            raise EndpointError(late)
        return False

    async def _say(self, manuscript: Manuscript, text: str) -> None:
        limit = min(self.desk.rules.answer_bytes, self.desk.services.tree.limits.message_bytes)
        room = limit - self._length
        said = text.encode()[:room].decode(errors="ignore")
        if said:
            try:
                self._length = await manuscript.append(self._length, said)
            except TooFastError as error:
                await asyncio.sleep(error.retry_after)
                self._length = await manuscript.append(self._length, said)
        if len(text.encode()) > room:
            raise EndpointError(AnswerFailure.TOO_LONG)

    def _of(self, writer: ServedContext, conversation: Conversation, address: Address) -> Manuscript:
        return Manuscript(writer, conversation, address, self.desk.account_id)

    def _metadata(self, report: Report) -> Metadata:
        return Metadata(
            llm_model=report.model,
            tokens_in=report.tokens_in,
            tokens_out=report.tokens_out,
            latency_ms=int((time.monotonic() - self._begun_at) * 1000),
            finish_reason=report.finish_reason,
        )

    async def _give_up(self, error: Exception) -> float | None:
        """Interrupt what was begun, and note why. Seconds until another try, where nothing was begun and it helps."""
        if isinstance(error, LostError):
            await self._interrupt()
            await self._tell()
            return None
        reason, again = failure_of(error)
        if reason is AnswerFailure.INTERNAL:
            _log.error("answer failed", request=self.request.id, exc_info=error)
        if again and self.request.answer is None and self.request.tries < self.desk.rules.tries:
            return await self._put_back(error)
        await self._interrupt()
        await self._fail(reason)
        return None

    async def _put_back(self, error: Exception) -> float | None:
        rules = self.desk.rules
        pause: float = rules.backoff_seconds * 2 ** max(self.request.tries - 1, 0)
        if isinstance(error, StoppedError):
            pause = 0.0
        elif isinstance(error, EndpointError) and error.after is not None:
            pause = max(pause, error.after)
        with _whatever_is_away():
            await self.desk.answers.put_back(self.request.id, self._worker, now() + timedelta(seconds=pause))
            await self._tell()
        return pause

    async def _interrupt(self) -> None:
        with _whatever_is_away():
            if self._manuscript is None and self.request.answer is not None:
                writer = await acting(self.desk.services, self.desk.account_id, {})
                conversation = await writer.loaders.conversations.load(self.request.conversation_id)
                self._manuscript = conversation and self._of(writer, conversation, Address.parse(self.request.answer))
            if self._manuscript is not None:
                await self._manuscript.interrupt(NO_METADATA)

    async def _fail(self, reason: AnswerFailure) -> None:
        _log.info("not answered", request=self.request.id, reason=reason.value, tries=self.request.tries)
        await self._end(AnswerState.FAILED, reason)

    async def _end(self, state: AnswerState, reason: AnswerFailure | None = None) -> None:
        with _whatever_is_away():  # then the lease runs out, and somebody else finds what there is
            await self.desk.answers.end(self.request.id, self._worker, state, reason)
            await self._tell()

    async def _require_ours(self, **fields: Any) -> None:
        until = now() + timedelta(seconds=self.desk.rules.lease_seconds)
        if not await self.desk.answers.hold(self.request.id, self._worker, due_at=until, **fields):
            raise LostError

    async def _tell(self) -> None:
        services, request = self.desk.services, self.request
        await announce_answer(services.broker, request.conversation_id, Address.parse(request.message))

    @property
    def _worker(self) -> str:
        return self.request.worker or ""


def asked(conversation: Conversation) -> Resource:
    """A conversation's messages, where the assistant was asked for one."""
    about = message_resource(conversation)
    return replace(about, attributes={**about.attributes, ASKED: True})


@contextlib.contextmanager
def _whatever_is_away() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if failure_of(error)[0] is AnswerFailure.INTERNAL:
            raise
        _log.warning("answer not ended", kind=type(error).__name__)
