"""Answers: files with headers by which nothing in them runs, and refusals."""

from base64 import b64encode
from urllib.parse import quote

import structlog
from cross_web import HTTPException
from starlette.responses import Response

from api.errors import AWAY, MASKED, UNAVAILABLE, Code, extensions_of
from api.refusals import refusal
from api.security_headers import SANDBOX
from models.attachment import Attachment
from models.attachments import errors as attachments
from models.attachments.media_types import INLINE
from permissions.authn.errors import AuthnUnavailableError, UnauthenticatedError
from permissions.errors import DeniedError, NotFreshError
from resolvers.errors import TooFastError

_log = structlog.get_logger(__name__)

STATUSES = {
    attachments.FileTooLargeError: 413,
    attachments.UnsupportedTypeError: 415,
    attachments.QuotaError: 429,
    attachments.UploadLostError: 408,
}


def file_headers(file: Attachment) -> dict[str, str]:
    """Of every answer that is, or stands for, the file: it runs no script and loads nothing, whatever it is."""
    return {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": disposition(file),
        "Content-Security-Policy": SANDBOX,
        "Content-Type": f"{file.media_type}; charset=utf-8" if file.media_type == "text/plain" else file.media_type,
        "Cross-Origin-Resource-Policy": "same-origin",
        "ETag": tag(file),
        "Repr-Digest": f"sha-256=:{b64encode(file.sha256).decode()}:",
        "Vary": "Authorization",
        "X-Content-Type-Options": "nosniff",
    }


def tag(file: Attachment) -> str:
    """A strong entity tag."""
    return f'"{file.sha256.hex()}"'


def disposition(file: Attachment) -> str:
    """RFC 6266: a plain name for old clients, and the whole one, percent-encoded."""
    kind = "inline" if file.media_type in INLINE else "attachment"
    plain = "".join(char if char.isascii() and char not in '"\\%' else "_" for char in file.name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(file.name, safe='')}"


def refused(error: Exception) -> Response:
    """The answer to what went wrong, wherever it did."""
    if isinstance(error, UnauthenticatedError):
        code = Code(extensions_of(error)["code"])
        return refusal(401, str(error), code, {"WWW-Authenticate": 'Bearer realm="parley"'})
    if isinstance(error, DeniedError):
        return refusal(403, str(error), Code.FORBIDDEN)
    if isinstance(error, attachments.AttachmentError):
        return refusal(STATUSES.get(type(error), 400), str(error), Code(extensions_of(error)["code"]))
    if isinstance(error, TooFastError):
        return refusal(429, str(error), Code.RATE_LIMITED)
    if isinstance(error, HTTPException):
        return refusal(error.status_code, error.reason, Code.BAD_USER_INPUT)
    if isinstance(error, UNAVAILABLE):
        _log.warning("store away", path="/attachments", kind=type(error).__name__)
        return refusal(503, AWAY, Code.UNAVAILABLE)
    if isinstance(error, (AuthnUnavailableError, NotFreshError)):
        return refusal(503, str(error), Code.UNAVAILABLE)
    _log.error("unexpected error", path="/attachments", exc_info=error)
    return refusal(500, MASKED, Code.INTERNAL_SERVER_ERROR)
