"""Answers that were asked for: who wants which message answered, and what became of it."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from beanie import Document, PydanticObjectId

WAIT: Final = timedelta(minutes=10)
"""So long a request waits for somebody who answers."""
SILENCE: Final = timedelta(minutes=2)
"""So long after its lease ran out, nobody is expected to go on with it."""


class AnswerState(StrEnum):
    """How far it is; the last three are for good."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OVER: Final = frozenset({AnswerState.DONE, AnswerState.FAILED, AnswerState.CANCELLED})


class AnswerFailure(StrEnum):
    """Why there is no whole answer."""

    FORBIDDEN = "forbidden"
    """Who asked, or the assistant, may not do so any more: nothing more was sent."""
    GONE = "gone"
    """The message, or the answer, was deleted."""
    UNAVAILABLE = "unavailable"
    """The endpoint did not answer, tried again and again; or nobody was there to try."""
    REFUSED = "refused"
    """The endpoint doesn't take the request: a wrong key or model, content that it filters …"""
    MALFORMED = "malformed"
    """What it sent is no answer."""
    INTERRUPTED = "interrupted"
    """It ended in the middle: the connection, or the worker."""
    TOO_LONG = "too_long"
    """The message alone is over the budget of tokens, or the answer over its limit of bytes."""
    TOO_SLOW = "too_slow"
    """It took longer than an answer may."""
    INTERNAL = "internal"
    """A fault of the assistant's; its log says which."""


class AnswerRequest(Document):
    """The answer number `number` to a message: 0 is the first one, the others were generated anew.

    INVARIANT: its id says of which message it is, and which number; so none is asked for twice. `due_at` is there as
    long as something is to be done: when somebody may take it who is waiting, or when a worker's lease runs out.
    """

    id: str  # type: ignore[assignment]  # Beanie's ids may be of any type
    conversation_id: PydanticObjectId
    message: str
    """Its address."""
    number: int
    asker_id: PydanticObjectId
    """By whose rights it is answered."""
    circumstances: dict[str, Any] = {}
    """Under which he asked, as conditions read them (`env.ip` …); forgotten when it is over."""
    asked_at: datetime
    state: AnswerState = AnswerState.QUEUED
    reason: AnswerFailure | None = None
    due_at: datetime | None = None
    tries: int = 0
    worker: str | None = None
    begun: bool = False
    """Its message is there, or may be: whoever goes on looks for it."""
    answer: str | None = None
    """The address of that message."""
    ended_at: datetime | None = None

    class Settings:
        name = "answers"

    @property
    def over(self) -> bool:
        """Whether nothing more is to be done."""
        return self.state in OVER

    def as_of(self, moment: datetime) -> tuple[AnswerState, AnswerFailure | None]:
        """The state, with its reason: what nobody came for in time has failed, whether or not that is written down."""
        if self.due_at is not None:
            if self.state is AnswerState.QUEUED and moment >= self.due_at + WAIT:
                return AnswerState.FAILED, AnswerFailure.UNAVAILABLE
            if self.state is AnswerState.RUNNING and moment >= self.due_at + SILENCE:
                return AnswerState.FAILED, AnswerFailure.INTERRUPTED
        return self.state, self.reason


def request_id(conversation_id: PydanticObjectId, message: str, number: int) -> str:
    """The id of the answer number `number` to the message at that address."""
    return f"{conversation_id}:{message}:{number}"
