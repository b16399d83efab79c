"""A request that a worker has taken: its lease, and what becomes of it."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog

from api.assistant.desk import Desk
from api.assistant.failures import LostError, failure_of
from models.answer import AnswerFailure, AnswerRequest, AnswerState
from models.clock import now
from models.tree import Address
from resolvers.chat.events import announce_answer

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """As `request.worker`."""

    desk: Desk
    request: AnswerRequest

    @property
    def late(self) -> AnswerFailure | None:
        """Why it isn't tried any more: it was claimed too late, or too often."""
        state, reason = self.request.as_of(now())
        often = self.request.tries > self.desk.rules.tries
        return reason if state is AnswerState.FAILED else AnswerFailure.UNAVAILABLE if often else None

    async def renew(self, **fields: Any) -> None:
        """Hold it for another while, and note these fields. Raises `LostError`."""
        until = now() + timedelta(seconds=self.desk.rules.lease_seconds)
        if not await self.desk.answers.hold(self.request.id, self._worker, due_at=until, **fields):
            raise LostError

    async def taken_over(self) -> bool:
        """Whether another worker goes on with it; else nobody wants it any more."""
        found = await self.desk.answers.find(self.request.id)
        return found is not None and not found.over

    async def put_back(self, seconds: float) -> None:
        """Somebody may try again, after so long."""
        with whatever_is_away():
            await self.desk.answers.put_back(self.request.id, self._worker, now() + timedelta(seconds=seconds))
            await self.tell()

    async def fail(self, reason: AnswerFailure) -> None:
        """There is no whole answer."""
        _log.info("not answered", request=self.request.id, reason=reason.value, tries=self.request.tries)
        await self.end(AnswerState.FAILED, reason)

    async def end(self, state: AnswerState, reason: AnswerFailure | None = None) -> None:
        """That became of it."""
        with whatever_is_away():  # then the lease runs out, and somebody else finds what there is
            await self.desk.answers.end(self.request.id, self._worker, state, reason)
            await self.tell()

    async def tell(self) -> None:
        """It is another matter with it now."""
        place = Address.parse(self.request.message)
        await announce_answer(self.desk.services.broker, self.request.conversation_id, place)

    @property
    def _worker(self) -> str:
        return self.request.worker or ""


@contextlib.contextmanager
def whatever_is_away() -> Iterator[None]:
    """Go on where a store doesn't answer, or what was to be ended isn't there."""
    try:
        yield
    except Exception as error:
        if failure_of(error)[0] is AnswerFailure.INTERNAL:
            raise
        _log.warning("answer not ended", kind=type(error).__name__)
