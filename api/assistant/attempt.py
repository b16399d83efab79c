"""One try of one worker to answer a message: judged, sent, written piece by piece, and ended one way or another."""

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import Final

import structlog

from api.assistant.claim import Claim, whatever_is_away
from api.assistant.desk import Desk
from api.assistant.endpoint import EndpointError, Report
from api.assistant.failures import LostError, StoppedError, failure_of
from api.assistant.pieces import paced
from api.assistant.prompt import prompt
from api.assistant.reply import Reply
from api.assistant.rights import judged
from api.background import ended
from models.answer import AnswerFailure, AnswerRequest, AnswerState
from models.bucket import Metadata

_log: Final = structlog.get_logger(__name__)


@dataclass
class Attempt:
    """Of a request that was claimed as `request.worker`. `told`: something was said about it, look what it is."""

    desk: Desk
    request: AnswerRequest
    told: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: bool = False
    """The worker goes: end it in order."""
    _begun_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._claim = Claim(self.desk, self.request)
        self._reply = Reply(self._claim)

    async def run(self) -> float | None:
        """Answer, and note what became of it. Seconds until it is worth another try, if it is."""
        if not self.request.begun and (late := self._claim.late):
            await self._claim.fail(late)
            return None
        error: Exception | None = None
        try:
            async with asyncio.timeout(self.desk.rules.seconds):
                await self._guarded()
        except Exception as caught:  # whatever it is, the request must not stay where it is
            error = caught
        if error is None:
            await self._claim.end(AnswerState.DONE)
            return None
        return await self._give_up(error)

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
            await self._claim.renew()
            await judged(self.desk, self.request)

    async def _answer(self) -> None:
        parties = await judged(self.desk, self.request)
        if self.request.begun and await self._reply.left_whole(parties):
            return
        rules, report = self.desk.rules, Report(self.desk.rules.model)
        messages = await prompt(parties.asker, parties.conversation, parties.row, rules.context_tokens, rules.system)
        async with contextlib.aclosing(paced(self.desk.endpoint.answer(messages, report), rules.pause_seconds)) as said:
            async for text in said:
                if not self._reply.begun:
                    await self._reply.begin(parties)
                await self._reply.say(text)
        await self._reply.finish(parties, self._metadata(report))

    def _metadata(self, report: Report) -> Metadata:
        return Metadata(
            llm_model=report.model,
            tokens_in=report.tokens_in,
            tokens_out=report.tokens_out,
            latency_ms=int((time.monotonic() - self._begun_at) * 1000),
            finish_reason=report.finish_reason,
        )

    async def _give_up(self, error: Exception) -> float | None:
        """Interrupt what was begun, and note why. Seconds until another try, where nothing was said and it helps."""
        if isinstance(error, LostError):
            await self._leave()
            return None
        reason, again = failure_of(error)
        if reason is AnswerFailure.INTERNAL:
            _log.error("answer failed", request=self.request.id, exc_info=error)
        if again and not self._reply.said and self.request.tries < self.desk.rules.tries:
            pause = self._pause(error)
            await self._claim.put_back(pause)
            return pause
        with whatever_is_away():
            await self._reply.interrupt()
        await self._claim.fail(reason)
        return None

    def _pause(self, error: Exception) -> float:
        """Seconds until another try."""
        if isinstance(error, StoppedError):
            return 0.0
        pause: float = self.desk.rules.backoff_seconds * 2 ** max(self.request.tries - 1, 0)
        return max(pause, error.after or 0.0) if isinstance(error, EndpointError) else pause

    async def _leave(self) -> None:
        """It isn't ours any more. What was begun is whoever's who has taken it; where it was cancelled, it ends."""
        with whatever_is_away():
            if not await self._claim.taken_over():
                await self._reply.interrupt()
                await self._claim.tell()
