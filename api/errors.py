"""What clients are told of errors: a code for those we know, nothing at all of the others, which are logged."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

import structlog
from graphql import GraphQLError
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError

from models.attachments import errors as attachments
from models.tree import errors as tree
from models.usage import errors as usage
from permissions import errors as permissions
from permissions.authn import errors as authn
from permissions.authn.revocation.errors import CriteriaError
from resolvers import errors as resolvers
from resolvers.ids import encode
from resolvers.live import BrokerUnavailableError

_log: Final = structlog.get_logger(__name__)


class Code(StrEnum):
    """`extensions.code`."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105 - a code
    TOKEN_REVOKED = "TOKEN_REVOKED"  # noqa: S105 - a code
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    CONFLICT = "CONFLICT"
    RATE_LIMITED = "RATE_LIMITED"
    QUERY_TOO_COMPLEX = "QUERY_TOO_COMPLEX"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    PERSISTED_QUERY_NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
    QUERY_NOT_IN_SAFELIST = "QUERY_NOT_IN_SAFELIST"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"


CODES: Final[Mapping[type[Exception], Code]] = {
    authn.TokenExpiredError: Code.TOKEN_EXPIRED,
    authn.TokenRevokedError: Code.TOKEN_REVOKED,
    authn.UnauthenticatedError: Code.UNAUTHENTICATED,
    authn.TooManyAttemptsError: Code.RATE_LIMITED,
    authn.AuthnUnavailableError: Code.UNAVAILABLE,
    authn.EmailTakenError: Code.CONFLICT,
    authn.KeyRingError: Code.INTERNAL_SERVER_ERROR,
    authn.AuthnError: Code.BAD_USER_INPUT,
    permissions.DeniedError: Code.FORBIDDEN,
    permissions.NotFreshError: Code.UNAVAILABLE,
    permissions.BusyError: Code.RATE_LIMITED,
    permissions.EffortError: Code.QUERY_TOO_COMPLEX,
    permissions.InvalidChangeError: Code.BAD_USER_INPUT,
    permissions.UnknownError: Code.NOT_FOUND,
    permissions.ConflictingError: Code.CONFLICT,
    resolvers.BadInputError: Code.BAD_USER_INPUT,
    resolvers.NotFoundError: Code.NOT_FOUND,
    resolvers.ConflictError: Code.CONFLICT,
    resolvers.TooFastError: Code.RATE_LIMITED,
    attachments.FileTooLargeError: Code.PAYLOAD_TOO_LARGE,
    attachments.QuotaError: Code.RATE_LIMITED,
    attachments.UnattachableError: Code.NOT_FOUND,
    attachments.UploadLostError: Code.CONFLICT,
    attachments.AttachmentError: Code.BAD_USER_INPUT,
    CannotGetOperationTypeError: Code.BAD_USER_INPUT,
    MissingQueryError: Code.BAD_USER_INPUT,
    tree.MessageNotFoundError: Code.NOT_FOUND,
    tree.BranchNotFoundError: Code.NOT_FOUND,
    tree.TooLargeError: Code.PAYLOAD_TOO_LARGE,
    tree.InvalidContentError: Code.BAD_USER_INPUT,
    tree.KeyReusedError: Code.CONFLICT,
    tree.AnswerTooLargeError: Code.QUERY_TOO_COMPLEX,
    tree.PurgedError: Code.CONFLICT,
    tree.TooManyRemovalsError: Code.CONFLICT,
    tree.ContentionError: Code.CONFLICT,
    usage.TooMuchUsageError: Code.QUERY_TOO_COMPLEX,
    usage.UsageBusyError: Code.RATE_LIMITED,
}
"""The nearest class of an error's own line counts."""

UNAVAILABLE: Final = (PyMongoError, RedisError, BrokerUnavailableError)
"""Stores that don't answer; what they say is for the log."""

MASKED: Final = "something went wrong on the server; the request id helps to find out what"
AWAY: Final = "a store does not answer, try again"
SHOWN: Final = 500
"""Characters of an error that repeats what its client sent."""


def code_of(error: BaseException) -> Code:
    """The code that clients get for `error`."""
    for kind in type(error).__mro__:
        if kind in CODES:
            return CODES[kind]
    return Code.UNAVAILABLE if isinstance(error, UNAVAILABLE) else Code.INTERNAL_SERVER_ERROR


def extensions_of(error: BaseException) -> dict[str, Any]:
    """`extensions` for `error`."""
    more = next((describe(error) for kind, describe in _DETAILS.items() if isinstance(error, kind)), {})
    return {"code": code_of(error).value, **more}


_DETAILS: Final[Mapping[type[Exception], Callable[[Any], dict[str, Any]]]] = {
    authn.TokenRevokedError: lambda error: {"reason": error.reason},
    authn.PasswordChangeRequiredError: lambda error: {"reason": error.reason},
    authn.TooManyAttemptsError: lambda error: {"retryAfter": error.retry_after},
    permissions.EscalationError: lambda error: {"decisionId": error.decision.id, "beyond": list(error.beyond)},
    permissions.DeniedError: lambda error: {"decisionId": error.decision.id},
    permissions.InvalidChangeError: lambda error: {"field": error.field, **error.details},
    permissions.RoleInUseError: lambda error: {
        "inheritedBy": list(error.inherited_by),
        "assignments": [encode("RoleAssignment", each) for each in error.assigned],
    },
    permissions.AlreadyHeldError: lambda error: {"assignment": encode("RoleAssignment", error.assignment)},
    CriteriaError: lambda error: {"field": error.field},
    resolvers.BadInputError: lambda error: {"field": error.field},
    resolvers.OffsetError: lambda error: {"offset": error.offset},
    resolvers.TooFastError: lambda error: {"retryAfter": error.retry_after},
    tree.TooLargeError: lambda error: {"field": error.field, "limit": error.limit, "size": error.size},
    tree.InvalidContentError: lambda error: {"field": error.field},
    tree.AnswerTooLargeError: lambda error: {"limit": "answer_bytes", "maximum": error.limit},
}


def publish(error: GraphQLError) -> None:
    """Make `error`, in place, what the client may see; log it if it is a fault of ours."""
    _describe(error)
    forget_frames(error)


def forget_frames(error: BaseException) -> None:
    """Where it came from is told: its frames have all that was at hand there, which has the error, and goes with it."""
    known, waiting = set[int](), [error]
    while waiting:
        each = waiting.pop()
        known.add(id(each))
        each.__traceback__ = None
        causes = each.__cause__, each.__context__, getattr(each, "original_error", None)
        waiting += [cause for cause in causes if cause is not None and id(cause) not in known]


def _describe(error: GraphQLError) -> None:
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    if cause is None:  # syntax, validation, variables: about the document, which the client knows
        error.extensions = {"code": Code.BAD_USER_INPUT.value, **(error.extensions or {})}
        return
    error.extensions = extensions_of(cause)
    code = code_of(cause)
    if code is Code.INTERNAL_SERVER_ERROR:
        error.message = MASKED
        _log.error("unexpected error", path=error.path, exc_info=cause)
    elif isinstance(cause, UNAVAILABLE):
        error.message = AWAY
        _log.warning("store away", path=error.path, kind=type(cause).__name__)
    elif isinstance(cause, CannotGetOperationTypeError):
        error.message = cause.as_http_error_reason()[:SHOWN]
    else:
        error.message = str(cause)
