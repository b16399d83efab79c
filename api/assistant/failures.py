"""What can go wrong with an answer, and what is told of it.

AttemptError
├── ForbiddenError who asked may not read it any more
├── LostError      it is somebody else's by now, or nobody wants it any more
└── StoppedError   the worker stops
"""

from collections.abc import Mapping
from typing import Final

from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from api.assistant.endpoint import EndpointError
from models.answer import AnswerFailure
from models.tree.errors import BranchNotFoundError, MessageNotFoundError, TooLargeError
from permissions.authn.errors import UnauthenticatedError
from permissions.errors import DeniedError, NotFreshError
from resolvers.errors import BadInputError, ConflictError, NotFoundError
from resolvers.live import BrokerUnavailableError


class AttemptError(Exception):
    """Base of them all."""


class ForbiddenError(AttemptError):
    """Nothing of it may be sent, or written."""


class LostError(AttemptError):
    """Whoever has it now does the rest."""


class StoppedError(AttemptError):
    """Somebody else may go on."""


REASONS: Final[Mapping[type[Exception], AnswerFailure]] = {
    DeniedError: AnswerFailure.FORBIDDEN,
    ForbiddenError: AnswerFailure.FORBIDDEN,
    UnauthenticatedError: AnswerFailure.FORBIDDEN,
    NotFoundError: AnswerFailure.GONE,
    MessageNotFoundError: AnswerFailure.GONE,
    BranchNotFoundError: AnswerFailure.GONE,
    BadInputError: AnswerFailure.GONE,
    ConflictError: AnswerFailure.INTERRUPTED,
    TooLargeError: AnswerFailure.TOO_LONG,
    TimeoutError: AnswerFailure.TOO_SLOW,
    StoppedError: AnswerFailure.INTERRUPTED,
    LostError: AnswerFailure.INTERRUPTED,
}
AWAY: Final = (PyMongoError, RedisError, BrokerUnavailableError, NotFreshError)
"""Stores that don't answer: they may, the next time."""


def failure_of(error: Exception) -> tuple[AnswerFailure, bool]:
    """Why there is no answer, and whether another try may help."""
    if isinstance(error, EndpointError):
        return error.reason, error.again
    if isinstance(error, AWAY):
        return AnswerFailure.INTERRUPTED, True
    for kind in type(error).__mro__:
        if kind in REASONS:
            return REASONS[kind], kind is StoppedError
    return AnswerFailure.INTERNAL, False
